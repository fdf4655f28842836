/**
 * Vertex passes requests on to the models of other publishers:
 * `/v1/projects/P/locations/L/publishers/PUBLISHER/models/MODEL:rawPredict` (`:streamRawPredict` for streams).
 */
const PATH = /\/publishers\/([^/]+)\/models\/([^/]+):(rawPredict|streamRawPredict)$/;

export interface VertexPath {
  readonly publisher: string;
  readonly model: string;
  readonly streaming: boolean;
}

/** Null for any other path. */
export function vertexPath(path: string): VertexPath | null {
  const found = PATH.exec(path);
  if (found === null) return null;
  return { publisher: found[1]!, model: found[2]!.replace('%40', '@'), streaming: found[3] === 'streamRawPredict' };
}
