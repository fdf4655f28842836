/** A client in Go (`http2-go/`). */
import { goProgram } from '../go.ts';

const client = goProgram(new URL('./http2-go/', import.meta.url), 'http2-go');

/** False when it can be had; else why not. */
export const goObstacle = client.obstacle;

/** Builds it unless it is there. @returns the program */
export const goClient = client.get;
