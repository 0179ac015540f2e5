/** The few XML documents of the S3 API that are used here. Each throws an Error when it is not that document. */
import type { ListedMultipart, ListedObject, UploadedPart } from '../objects.js';
import { checksumText } from './checksum.js';
import { childText, escapeXml, parseXml, type XmlElement } from './xml.js';

/** An error as S3 tells it. */
export interface ErrorDocument {
  readonly code: string;
  readonly message: string;
}

/** A page of a list; `next` is undefined on the last. */
export interface Page<Item, Next> {
  readonly items: readonly Item[];
  readonly next: Next | undefined;
}

/** The `Error` document, or undefined when the text is another, or none. */
export function readError(xml: string): ErrorDocument | undefined {
  let root: XmlElement;
  try {
    root = parseXml(xml);
  } catch {
    // Something between here and S3 answered: a proxy's page of HTML, or nothing.
    return undefined;
  }
  return errorOf(root);
}

function errorOf(root: XmlElement): ErrorDocument | undefined {
  const code = childText(root, 'Code');
  if (root.name !== 'Error' || code === undefined) return undefined;
  return { code, message: childText(root, 'Message') ?? '' };
}

/** `InitiateMultipartUploadResult`: the upload's id. */
export function readCreateMultipart(xml: string): string {
  return required(rootOf(xml, 'InitiateMultipartUploadResult'), 'UploadId');
}

/** `CompleteMultipartUploadResult`: the object's etag. S3 may also tell an error here, with status 200. */
export function readCompleteMultipart(xml: string): { etag: string } | ErrorDocument {
  const root = parseXml(xml);
  return errorOf(root) ?? { etag: required(named(root, 'CompleteMultipartUploadResult'), 'ETag') };
}

/** `CompleteMultipartUpload`, to be sent. */
export function writeCompleteMultipart(parts: readonly UploadedPart[]): Uint8Array {
  const items = parts.map(
    ({ number, etag, checksum }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag>` +
      `<ChecksumCRC32C>${checksumText(checksum)}</ChecksumCRC32C></Part>`,
  );
  return Buffer.from(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${items.join('')}</CompleteMultipartUpload>`,
  );
}

/** `ListBucketResult` of ListObjectsV2; `next` is the continuation token. */
export function readList(xml: string): Page<ListedObject, string> {
  const root = rootOf(xml, 'ListBucketResult');
  const items = root.children
    .filter(({ name }) => name === 'Contents')
    .map((item) => ({
      key: required(item, 'Key'),
      bytes: wholeNumber(item, 'Size'),
      etag: required(item, 'ETag'),
      modifiedMs: time(item, 'LastModified'),
    }));
  return { items, next: isTruncated(root) ? required(root, 'NextContinuationToken') : undefined };
}

/** `ListMultipartUploadsResult`; `next` is where the next page starts. */
export function readListMultiparts(xml: string): Page<ListedMultipart, { key: string; uploadId: string }> {
  const root = rootOf(xml, 'ListMultipartUploadsResult');
  const items = root.children
    .filter(({ name }) => name === 'Upload')
    .map((item) => ({
      key: required(item, 'Key'),
      uploadId: required(item, 'UploadId'),
      startedMs: time(item, 'Initiated'),
    }));
  const next = isTruncated(root)
    ? { key: required(root, 'NextKeyMarker'), uploadId: required(root, 'NextUploadIdMarker') }
    : undefined;
  return { items, next };
}

function rootOf(xml: string, name: string): XmlElement {
  return named(parseXml(xml), name);
}

function named(root: XmlElement, name: string): XmlElement {
  if (root.name !== name) throw new Error(`expected <${name}>, found <${root.name.slice(0, 100)}>`);
  return root;
}

function required(element: XmlElement, name: string): string {
  const text = childText(element, name);
  if (text === undefined || text === '') throw new Error(`expected <${name}> in <${element.name}>`);
  return text;
}

function isTruncated(root: XmlElement): boolean {
  return childText(root, 'IsTruncated')?.trim() === 'true';
}

function wholeNumber(element: XmlElement, name: string): number {
  const value = Number(required(element, name));
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`expected a number in <${name}>`);
  return value;
}

function time(element: XmlElement, name: string): number {
  const value = Date.parse(required(element, name));
  if (Number.isNaN(value)) throw new Error(`expected a time in <${name}>`);
  return value;
}
