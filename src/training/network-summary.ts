import { elementCount, type Network, parameterCount, planNetwork } from './network.ts';

/** One line for each layer: name, output and number of parameters; then their sum. */
export function summaryLines(network: Network): string[] {
  const rows = planNetwork(network).map(({ name, output, parameters }) => [
    name,
    output.join(' x '),
    count(parameters.reduce((sum, { dims }) => sum + elementCount(dims), 0)),
  ]);
  const { channels, height, width } = network.input;
  const table = [
    ['layer', 'output', 'parameters'],
    ['input', `${channels} x ${height} x ${width}`, '0'],
    ...rows,
    ['in all', '', count(parameterCount(network))],
  ];
  const [first, second, third] = [0, 1, 2].map((column) =>
    Math.max(...table.map((row) => row[column].length)),
  );
  return table.map(([name, output, parameters]) =>
    `${name.padEnd(first)}  ${output.padEnd(second)}  ${parameters.padStart(third)}`.trimEnd(),
  );
}

function count(value: number): string {
  return value.toLocaleString('en');
}
