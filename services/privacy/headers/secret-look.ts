/** Whether an unknown header may hold a secret, by its name or by what its value looks like. Rather too often than too seldom. */

const NAME =
  /auth|token|secret|passw|pwd|cred|cookie|jwt|saml|assert|cert|session|csrf|xsrf|private|hmac|bearer|otp|oidc|sso|principal|ticket|licen[sc]e|nonce|digest|hash|md5|sha\d|etag|sign|(?:^|[^a-z])(?:key|sig|sid|pin)(?:$|[^a-z])|key$|keyid/;
/** Stretches without a break. */
const STRETCH = /[A-Za-z0-9+/=_~.-]{16,}/g;

/** `name`: in lower case. */
export function isSecretName(name: string): boolean {
  return NAME.test(name);
}

/** Of its value. */
export function looksSecret(value: string): boolean {
  return (value.match(STRETCH) ?? []).some((stretch) => /[0-9]/.test(stretch) && /[A-Za-z]/.test(stretch));
}
