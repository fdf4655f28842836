/** Exit codes of the engine's launcher. */
export const LAUNCHER_EXIT = {
  stopped: 0,
  /** The engine ended without being asked to. */
  ended: 1,
  /** It didn't stop in time and was cut off. */
  stuck: 3,
  /** Another engine runs on the folder. */
  locked: 75,
} as const;
