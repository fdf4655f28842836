/** Which addresses only this machine reaches. */
const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
