import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveBundle } from '../../src/model/bundle.ts';
import { startLocalBroker } from '../../src/surface/local-broker.ts';
import { workshop } from '../cli/workshop.ts';
import { consoleAt } from '../console/console-stage.ts';
import { TestVehicle } from '../console/test-vehicle.ts';
import { chromiumMissing, startChromium } from '../fixtures/chromium.ts';
import { crackPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { until } from '../scenarios/until.ts';

const folder = workshop();
/** Where pictures of the page go, for a person to look at; unset: nowhere. */
const SHOTS = process.env.SPECTA_SHOTS;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser | null = null;

beforeAll(async () => {
  if (chromiumMissing === null) browser = await startChromium();
});
afterAll(async () => browser?.close());

/** A page with what went wrong in it: anything that the browser reports is a failure. */
async function openPage(url: string, bypassCSP = false): Promise<{ page: Page; faults: string[] }> {
  if (browser === null) throw new Error('no browser');
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, bypassCSP });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_CONNECTION|ERR_INCOMPLETE/.test(message.text()))
      faults.push(message.text());
  });
  await page.goto(url);
  return { page, faults };
}

async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(({ id, impact, nodes }) => ({ id, impact, html: nodes[0]?.html ?? '' }));
  });
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, html }) => `${id}: ${html.slice(0, 160)}`);
}

const see = (page: Page, text: string | RegExp): Promise<void> =>
  page.getByText(text).first().waitFor({ state: 'visible', timeout: 60_000 });

test.skipIf(chromiumMissing)(
  'a whole run at two consoles: crack, review, lamp test, outage, end',
  async () => {
    let broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
    const { port } = broker;
    await using one = await consoleAt(broker.url);
    await using other = await consoleAt(broker.url);
    const { page, faults } = await openPage(one.url);
    const second = await openPage(other.url);
    await see(page, 'No vehicle was heard on this broker yet.');
    const vehicle = new TestVehicle('rov-1');
    await vehicle.connect(broker.url, 4);
    await vehicle.pass({ seen: 30 });
    await see(page, 'rov-1: Watching');

    await vehicle.find('F-boot-0001');
    await vehicle.light('crack', ['F-boot-0001']);
    for (const chance of [0.5, 0.8, 0.9, 0.7]) await vehicle.detect(chance);
    await vehicle.find('F-boot-0001', {}, 'closed');
    await vehicle.image('F-boot-0001');
    for (const each of [page, second.page]) {
      await see(each, 'CRACK on rov-1');
      await until('the title', async () => (await each.title()).startsWith('(1) CRACK on rov-1'));
    }
    await page.locator('#news button').click();
    await page.locator('#finding img').waitFor();
    await until('the still is drawn', () =>
      page
        .locator('#finding img')
        .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 0),
    );
    await page.locator('#finding .curve').waitFor();
    await shoot(page, '1-crack');

    // Reviewed at one, seen at the other; acknowledged at the other, quiet at the first.
    await page.locator('#note').fill('Longitudinal, at the weld.');
    await page.locator('#by').fill('A. Sari');
    await page.locator('#confirm').click();
    await second.page.locator('.row').first().click();
    await see(second.page, /confirmed by A\. Sari/);
    expect(await second.page.locator('#note').inputValue()).toBe('Longitudinal, at the weld.');
    await second.page.locator('body').press('a');
    await until('the first is quiet', async () => (await page.title()) === 'SPECTA');

    await page.locator('#lamp-test').click();
    await see(page, 'Lamp test: done');
    await see(page, 'lamp test');

    // The camera goes blind, then the vehicle is lost, then the broker, then the console itself.
    await vehicle.pass({ blind: 9, seen: 1 });
    await see(page, 'rov-1: Blind');
    await vehicle.part('camera', 'failed', 'the camera is gone');
    await see(page, 'rov-1: Cannot see');
    await shoot(page, '2-cannot-see');
    await vehicle.part('camera', 'ok', null);
    await vehicle.leave();
    await see(page, 'rov-1: Not known');
    await vehicle.find('F-boot-0002', { defect: 'corrosion' });
    await broker.stop();
    await see(page, /No broker/);
    await shoot(page, '3-no-broker');
    broker = await startLocalBroker({ host: '127.0.0.1', port });
    await vehicle.connect(broker.url, 4);
    await vehicle.pass({ seen: 10 });
    await see(page, 'rov-1: Watching');
    await see(page, 'Findings: 2');
    // What was missing was asked for; the page says how many only until it compares again.
    await until('it was asked for', () => vehicle.asked.some(({ name }) => name === 'alerts/resend'));
    await see(page, /complete/);

    // A run is not ended by a slip of the hand.
    await page.locator('#run-button').click();
    await see(page, /Press again/);
    await page.locator('#run-button').click();
    await see(page, 'rov-1: Not inspecting');
    expect(vehicle.asked.filter(({ name }) => name === 'run/stop')).toHaveLength(1);

    await page.keyboard.press('l');
    await see(page, 'rov-1: Tidak memeriksa');
    await shoot(page, '4-indonesian');
    await one[Symbol.asyncDispose]();
    await see(page, /kehilangan program konsol/);
    expect([...faults, ...second.faults]).toEqual([]);
    await vehicle.leave();
    await broker.stop();
  },
  180_000,
);

test.skipIf(chromiumMissing)(
  'answers that cannot be fetched for a while cost the page nothing but news',
  async () => {
    await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
    await using running = await consoleAt(broker.url);
    const { page, faults } = await openPage(running.url);
    const vehicle = new TestVehicle('rov-1');
    await vehicle.connect(broker.url, 4);
    await vehicle.pass({ seen: 30 });
    await vehicle.find('F-boot-0001');
    await see(page, 'Findings: 1');
    let refused = 0;
    await page.route('**/api/{findings,coverage,route}**', (route) => {
      refused += 1;
      return route.abort('connectionrefused');
    });
    await vehicle.find('F-boot-0002');
    await vehicle.pass({ seen: 10 });
    await until('list, strip and route were asked for in vain', () => refused >= 3);
    await page.unroute('**/api/{findings,coverage,route}**');
    await vehicle.find('F-boot-0003');
    await see(page, 'Findings: 3');
    expect(faults).toEqual([]);
    await vehicle.leave();
  },
  120_000,
);

test.skipIf(chromiumMissing)(
  'a dropped picture is judged here or aboard, side by side, and the model is named',
  async () => {
    await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
    await makeTinyBundle(join(folder, 'tiny'));
    await using running = await consoleAt(broker.url, {
      bundle: await resolveBundle(join(folder, 'tiny'), folder),
    });
    const { page, faults } = await openPage(running.url);
    await page.locator('#judge option').first().waitFor({ state: 'attached' });
    const drop = async (bytes: Uint8Array, name: string): Promise<void> => {
      // As text: what runs in the page knows names that Node does not.
      const script = `(() => {
        const data = new DataTransfer();
        const bytes = new Uint8Array(${JSON.stringify([...bytes])});
        data.items.add(new File([bytes], ${JSON.stringify(name)}, { type: 'image/jpeg' }));
        return data;
      })()`;
      const transfer = await page.evaluateHandle(script);
      await page.dispatchEvent('#still .drop', 'drop', { dataTransfer: transfer });
    };
    await drop(crackPicture(), 'weld.jpg');
    await see(page, 'Original: weld.jpg');
    expect(await page.locator('#still .verdict').textContent()).toBe('crack');
    expect(await page.locator('#still-model').textContent()).toContain('tiny 0.0.1 on this machine');
    await until('both are drawn', () =>
      page
        .locator('#still-result img')
        .evaluateAll((images) =>
          images.every((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 0),
        ),
    );
    const vehicle = new TestVehicle('rov-1');
    await vehicle.connect(broker.url, 4);
    await page.locator('#judge').selectOption('rov-1');
    await drop(crackPicture(), 'flange.jpg');
    await see(page, 'Original: flange.jpg');
    expect(await page.locator('#still-model').textContent()).toContain('specta-32x2 0.1.0 on rov-1');
    await shoot(page, '5-still');
    await drop(new TextEncoder().encode('no picture'), 'notes.txt');
    await see(page, /notes\.txt: This is no picture/);
    expect(faults.filter((fault) => !fault.includes('422'))).toEqual([]);
    await vehicle.leave();
  },
);

test.skipIf(chromiumMissing)(
  'along the route: what was watched and what not, and the findings at their places, by keyboard too',
  async () => {
    await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
    await using running = await consoleAt(broker.url);
    const { page, faults } = await openPage(running.url, true);
    const vehicle = new TestVehicle('rov-1');
    await vehicle.connect(broker.url, 4);
    await see(page, 'rov-1');
    expect(await page.locator('#route').isVisible()).toBe(false);
    await vehicle.inspect(12, { seen: 1 });
    await vehicle.inspect(12.5, { seen: 60 });
    await vehicle.inspect(12.6, { seen: 2, blind: 10 });
    await vehicle.inspect(13, { seen: 50 });
    await vehicle.inspect(13.05, { lost: 9 });
    const fixAt = (kp: number) => ({
      ...{ at: { monoMs: 0, utcMs: Date.now() }, source: 'test', kp, missing: null },
      ...{ latitude: null, longitude: null, depth: null, heading: null },
    });
    await vehicle.find('F-boot-0001', { fix: fixAt(12.25), defect: 'corrosion' }, 'closed');
    await vehicle.find('F-boot-0002', { fix: fixAt(12.9) }, 'closed');
    await vehicle.find('F-boot-0003', {}, 'closed');
    await see(page, 'Findings: 3');
    const marks = page.locator('#marks');
    await until('both that have a place', async () => (await marks.locator('[role=option]').count()) === 2);
    const told = await page.locator('#route .scale').getAttribute('aria-label');
    expect(told).toBe('KP 12.000 to 13.050: watched 0.900 km, blind 0.100 km, no camera 0.050 km');
    // In their order along the route, whatever was found first or is worse.
    await marks.focus();
    await marks.press('ArrowRight');
    await page.locator('#finding').getByText('F-boot-0001').first().waitFor();
    await marks.press('End');
    await until(
      'the last is chosen',
      async () => (await marks.getAttribute('aria-activedescendant')) === 'at-1',
    );
    expect(await page.locator('#at-1').getAttribute('aria-label')).toBe('crack, critical, KP 12.900');
    await page.locator('#finding').getByText('F-boot-0002').first().waitFor();
    expect(await page.locator('#marks:focus').count()).toBe(1);
    await page.locator('#at-0').click();
    await page.locator('#finding').getByText('F-boot-0001').first().waitFor();
    // A finding stands above its place: both have the same edges.
    const [above, below] = [await marks.boundingBox(), await page.locator('#route .scale').boundingBox()];
    expect([above?.x, above?.width]).toEqual([below?.x, below?.width]);
    await shoot(page, '7-route');
    expect(await seriousFindings(page)).toEqual([]);
    await page.locator('[data-focus="span"]').selectOption('15');
    await page.setViewportSize({ width: 820, height: 900 });
    await shoot(page, '8-route-narrow');
    expect(faults).toEqual([]);
    await vehicle.leave();
  },
);

test.skipIf(chromiumMissing)('10,000 findings of a fleet stay usable; nothing serious for axe', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url);
  const { history } = running.desk;
  const vehicles = Array.from({ length: 8 }, (_, index) => new TestVehicle(`rov-${index + 1}`));
  const total = 10_000;
  for (const vehicle of vehicles) {
    for (let number = 0; number < total / vehicles.length; number += 1)
      await vehicle.find(
        `F-boot-${String(number).padStart(5, '0')}`,
        { defect: number % 7 === 0 ? 'crack' : 'corrosion' },
        'closed',
      );
  }
  history.together(() => {
    for (const vehicle of vehicles) for (const alert of vehicle.told) history.putAlert(alert, Date.now());
  });
  for (const vehicle of vehicles) await vehicle.connect(broker.url, 4);
  await vehicles[3].part('camera', 'failed', 'the camera is gone');
  const { page, faults } = await openPage(running.url, true);
  await see(page, 'rov-4: Cannot see');
  const figures = await page.evaluate<{ ms: number; bytes: number; files: number }>(`(() => {
      const [load] = performance.getEntriesByType('navigation');
      const files = performance.getEntriesByType('resource');
      const bytes = files.reduce((sum, { transferSize }) => sum + transferSize, load.transferSize);
      return { ms: Math.round(load.loadEventEnd), bytes, files: files.length + 1 };
    })()`);
  console.log(`the page: loaded in ${figures.ms} ms, ${figures.bytes} bytes in ${figures.files} files`);
  await page.locator('.fleet button').first().click();
  await see(page, 'Findings: 10000');
  // Whoever looks at all of them sees the worst first, and the last at the end.
  const began = performance.now();
  await page.locator('#list').press('End');
  await page.locator('#row-9999').waitFor();
  await until(
    'the last is chosen',
    async () => (await page.locator('#row-9999').getAttribute('aria-selected')) === 'true',
  );
  console.log(`10,000 findings: the last is there ${Math.round(performance.now() - began)} ms after End`);
  expect(await page.locator('.row').count()).toBeLessThan(60);
  await page.locator('#list').press('Home');
  await until(
    'the first',
    async () => (await page.locator('#row-0').getAttribute('aria-selected')) === 'true',
  );
  expect(await page.locator('#row-0').textContent()).toContain('critical');
  await page.locator('[data-focus="filter-class"]').selectOption('crack');
  await see(page, /^Findings: 14\d\d$/);
  await shoot(page, '6-fleet');
  expect(await seriousFindings(page)).toEqual([]);
  expect(faults).toEqual([]);
  for (const vehicle of vehicles) await vehicle.leave();
});
