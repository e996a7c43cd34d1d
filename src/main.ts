import { runCommandLine } from './cli/program.ts';

const status = await runCommandLine(process.argv.slice(2));
// The only process.exit: a command that has returned is done, whatever library still holds a timer or a socket.
process.exit(status);
