/** Values that stand where a secret would, and are none: examples, variables, code. */

/** What stands for a value that is elsewhere: `${PASSWORD}`, `<password>`, `{{secret}}`, `%s`, `$TOKEN`, `****`, and our own. */
export function isPlaceholder(value: string): boolean {
  return (
    /^[*x.•_-]+$/i.test(value) ||
    /^(?:\$[({A-Za-z_]|<|\{|%[({A-Za-z]|\[redacted:)/.test(value) ||
    // A fingerprint of ours, as heads hold them.
    /^fp_[0-9a-f]{16}$/.test(value) ||
    /^(?:null|none|undefined|true|false|string|str|changeme|todo|redacted|hidden|masked|pass|password|passwd)$/i.test(
      value,
    )
  );
}

/** Code that fetches or names a value: `os.environ`, `getPassword`, `self.password`, `process.env.KEY`. */
export function isCode(value: string): boolean {
  return (
    /^(?:[A-Za-z_]\w*(?:\?\.|[.:]))+[A-Za-z_]\w*$/.test(value) ||
    /^(?:process|os|env|self|this|config|settings)\./.test(value)
  );
}
