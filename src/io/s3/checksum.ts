/** CRC-32C as S3 has it: the header `x-amz-checksum-crc32c`, four bytes big-endian in base64. */
import { crc32c } from '@node-rs/crc32';
import { piecesOf, type ObjectBody } from '../objects.js';

/** The CRC-32C of a body, unsigned. */
export function checksumOf(body: ObjectBody): number {
  return piecesOf(body).reduce((checksum, piece) => crc32c(piece, checksum), 0);
}

/** A checksum as S3 writes it. */
export function checksumText(checksum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(checksum);
  return bytes.toString('base64');
}
