/** The reader id of a delivery in the log. */
export function deliveryReader(name: string): string {
  return `deliver.${name}`;
}
