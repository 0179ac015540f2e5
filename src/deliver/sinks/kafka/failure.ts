/**
 * What an error of the client's means for the messages of a send.
 *
 * A send goes to several brokers and partitions, and some may have taken their messages when others have
 * not. What is known for certain is read from the answers; all else is unknown and goes out again.
 *
 * | answer of a partition | means |
 * |---|---|
 * | no error | its messages are there |
 * | MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_RECORD, INVALID_TIMESTAMP | the batch is refused for good: halves, down to the row |
 * | any other (no leader, too few replicas, no right, …), no answer | come again |
 */

/** What is known after a send that failed. */
export interface SendFailure {
  /** Partitions that have their messages. */
  readonly taken: ReadonlySet<number>;
  /** Partitions that refuse their batch, with what they say. */
  readonly refused: ReadonlyMap<number, string>;
  /** Whether the same producer may send the same messages again: then what is there already counts once. */
  readonly isRepeatable: boolean;
  /** What went wrong, for people. */
  readonly text: string;
}

const REFUSALS: ReadonlyMap<number, string> = new Map([
  [10, 'MESSAGE_TOO_LARGE'],
  [18, 'RECORD_LIST_TOO_LARGE'],
  [32, 'INVALID_TIMESTAMP'],
  [87, 'INVALID_RECORD'],
]);

/** Different messages that an error's text quotes. */
const QUOTES_MAX = 3;

/** As far as errors of the client are read here. */
interface ClientError {
  readonly message?: string;
  readonly code?: string;
  readonly errors?: readonly unknown[];
  readonly cause?: unknown;
  readonly apiId?: string;
  readonly serverErrorMessage?: string | null;
  readonly canRetry?: boolean;
  readonly produced?: { readonly offsets?: readonly { readonly partition: number }[] };
  readonly response?: { readonly responses?: readonly { readonly partitionResponses?: readonly PartitionAnswer[] }[] };
}

interface PartitionAnswer {
  readonly index: number;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
}

/** Reads an error of `Producer.send`. */
export function readFailure(error: unknown): SendFailure {
  const taken = new Set<number>();
  const refused = new Map<number, string>();
  let isRepeatable = true;
  for (const one of allErrors(error)) {
    // Of the brokers that took everything; the producer has counted these.
    for (const { partition } of one.produced?.offsets ?? []) taken.add(partition);
    for (const { index, errorCode, errorMessage } of answersOf(one)) {
      const refusal = REFUSALS.get(errorCode);
      if (refusal !== undefined) refused.set(index, errorMessage ? `${refusal}: ${errorMessage}` : refusal);
      if (errorCode !== 0) continue;
      // The client does not count what a broker took that refused others: its numbers no longer fit.
      taken.add(index);
      isRepeatable = false;
    }
    if (one.canRetry === false || (one.code === undefined && one.errors === undefined)) isRepeatable = false;
  }
  return { taken, refused, isRepeatable: isRepeatable && refused.size === 0, text: failureText(error) };
}

function answersOf({ response }: ClientError): PartitionAnswer[] {
  return (response?.responses ?? []).flatMap(({ partitionResponses }) => partitionResponses ?? []);
}

/** What the operator can do about it. */
const HINTS: readonly [RegExp, string][] = [
  [/^UNKNOWN_TOPIC|^Unknown topic/, 'make the topic, or let `setUp` make it'],
  [/AUTHORIZATION_FAILED/, 'the rows wait until the user may write there'],
  [/^SASL|SASL_AUTHENTICATION_FAILED/, 'the rows wait until `sasl` is mended'],
];

/** An error in one line, with what the operator can do about it. */
export function failureText(error: unknown): string {
  const texts = new Set<string>();
  for (const one of allErrors(error)) {
    const isLeaf = (one.errors ?? []).length === 0 && one.cause === undefined;
    if (isLeaf) texts.add(leafText(one));
  }
  const text = [...texts].slice(0, QUOTES_MAX).join('; ');
  const hint = HINTS.find(([pattern]) => [...texts].some((one) => pattern.test(one)));
  return (hint === undefined ? text : `${text}: ${hint[1]}`).replaceAll(/[\s\p{C}]+/gu, ' ');
}

function leafText({ apiId, message, serverErrorMessage }: ClientError): string {
  const text = apiId === undefined ? String(message) : `${apiId}: ${message}`;
  return serverErrorMessage ? `${text} (${serverErrorMessage})` : text;
}

/** An error and all that it is made of. */
function allErrors(error: unknown): ClientError[] {
  const found: ClientError[] = [];
  const visit = (one: unknown): void => {
    if (typeof one !== 'object' || one === null) return;
    const { errors, cause } = one as ClientError;
    found.push(one as ClientError);
    for (const inner of errors ?? []) visit(inner);
    visit(cause);
  };
  visit(error);
  return found;
}
