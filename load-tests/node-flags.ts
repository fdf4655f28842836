/** What `./bittern` gives Node, so that stages are tested and measured as they are run. */
import { readFileSync } from 'node:fs';

const EXEC = /^exec "\$node" (.*) "\$root/m;

const script = readFileSync(new URL('../bittern', import.meta.url), 'utf8');
export const NODE_FLAGS: readonly string[] = EXEC.exec(script)![1]!.split(' ');
