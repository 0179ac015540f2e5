/**
 * What a visitor agreed to, as the query says it: `gdpr`, `gdpr_consent` (IAB TCF), `gpp`, `gpp_sid`.
 *
 * Where the GDPR applies, cookies and personal data need purpose 1 (store and access information on
 * a device). The strings are stored on the event and passed on unchanged either way.
 */

/** The outcome. */
export interface Consent {
  /** Whether cookies may be read and set, and address and user id stored. */
  readonly personal: boolean;
  /** The parameters as they came, those that were there. */
  readonly stored: Readonly<Record<string, string>>;
}

/** The parameters that say it. */
export const CONSENT_PARAMETERS: readonly string[] = ['gdpr', 'gdpr_consent', 'gpp', 'gpp_sid'];

/** Number of the TCF section of the EU in `gpp_sid`. */
const TCF_EU_SECTION = '2';

/** Bit of purpose 1 in the core of a TCF 2 string, and of its version. */
const PURPOSE_1_BIT = 152;

/** Reads the consent of a query. */
export function consentOf(query: URLSearchParams): Consent {
  const stored: Record<string, string> = {};
  for (const name of CONSENT_PARAMETERS) {
    const value = query.get(name);
    if (value !== null && value !== '') stored[name] = value.slice(0, 8192);
  }
  const sections = (stored['gpp_sid'] ?? '').split(/[_,]/);
  const applies = stored['gdpr'] === '1' || sections.includes(TCF_EU_SECTION);
  if (!applies) return { personal: true, stored };
  return { personal: allowsStorage(stored['gdpr_consent'] ?? tcfOf(stored['gpp'] ?? '')), stored };
}

/** The TCF section of a GPP string: sections are parted by `~`, and TCF 2 strings begin with `C`. */
function tcfOf(gpp: string): string {
  return (
    gpp
      .split('~')
      .slice(1)
      .find((section) => section.startsWith('C')) ?? ''
  );
}

/** Whether a TCF 2 string gives consent to purpose 1. What can't be read gives none. */
function allowsStorage(text: string): boolean {
  const core = Buffer.from(text.split('.')[0]!, 'base64url');
  const version = (core[0] ?? 0) >> 2;
  return version === 2 && ((core[PURPOSE_1_BIT >> 3] ?? 0) & (0x80 >> (PURPOSE_1_BIT & 7))) !== 0;
}
