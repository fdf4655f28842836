/**
 * Loaded before every test file: property tests run from one fixed seed, so that a run can be repeated and a red one means a
 * change. `PROPERTY_SEED=random npm test` looks for new cases, `PROPERTY_SEED=123 npm test` repeats a run.
 */
import fc from 'fast-check';

const FIXED = 20_261_123;
const wanted = process.env.PROPERTY_SEED ?? String(FIXED);
if (wanted !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) });
