/** What the id of a tool call tells. */

const SERVER_SIDE_ID = /^(?:srvtoolu_|ws_|ci_|fs_|mcp_)/;

/** Letters and digits only: some clients strip the punctuation. '' = the API gives none. */
export function bare(id: string): string {
  return id.replace(/[^A-Za-z0-9]/g, '');
}

/** Run by the API itself. */
export function isServerSide(id: string): boolean {
  return SERVER_SIDE_ID.test(id);
}
