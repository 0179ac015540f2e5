/**
 * Macros of the ad industry in a destination: `{clickid}`, `${AUCTION_ID}`, `%%CLICK_URL_ESC%%`.
 *
 * Values are percent-encoded, so none can end the parameter that it stands in. Whatever is not
 * known, or has no value, is stripped before the redirect.
 */

/** Values by macro name, in upper case, without the marks around it. */
export type MacroValues = Readonly<Record<string, string>>;

const MACRO =
  /\$\{([A-Za-z0-9_]{1,64})\}|\{([A-Za-z0-9_]{1,64})\}|%%([A-Za-z0-9_]{1,64})%%|%25%25([A-Za-z0-9_]{1,64})%25%25|%24%7B([A-Za-z0-9_]{1,64})%7D|%7B([A-Za-z0-9_]{1,64})%7D/gi;

/** Fills the macros in `text`. `NAME_ENC` and `NAME_ESC` are `NAME` encoded once more, `NAME_ESC_ESC` twice. */
export function expandMacros(text: string, values: MacroValues): string {
  return text.replace(MACRO, (_all, ...groups: (string | undefined)[]) => {
    const name = groups
      .slice(0, 6)
      .find((group) => group !== undefined)!
      .toUpperCase();
    return encoded(name, values) ?? '';
  });
}

function encoded(name: string, values: MacroValues): string | undefined {
  const plain = Object.hasOwn(values, name) ? values[name] : undefined;
  if (plain !== undefined) return encodeURIComponent(plain);
  const ending = /_(?:ENC|ESC)$/.exec(name);
  if (ending === null) return undefined;
  const inner = encoded(name.slice(0, ending.index), values);
  return inner === undefined ? undefined : encodeURIComponent(inner);
}
