/**
 * Where things lie in the decoder's WASM memory. Both sides compile this file: TypeScript as it
 * is, and AssemblyScript by import, so the two can't drift apart.
 *
 * ```
 * STATE     one structure of 32-bit words, at an address the module exports
 * COLUMN    one descriptor of COLUMN_BYTES a column
 * NAME      open addressing, 16 bytes a slot: hash, column descriptor, name pointer, name length
 * SHAPE     SHAPES_MAX learned key orders
 * row area  per column one slot a row (16 bytes for uuid, else 8), a bit mask a row of the columns
 *           it has, and (start, end, event) a row
 * dictionary area  per dictionary: hash slots, offsets, bytes
 * tail      sized for the input at hand: input | scratch | list items | output
 * ```
 */

// STATE: byte offsets of its words
/** Where the scanner stands; after REFUSED, the start of the event. */
export const POSITION = 0;
/** The end of the input; zero bytes lie behind it. */
export const END = 4;
/** What the input is: a `MODE_`. */
export const MODE = 8;
/** Rows taken; the next row to be filled. */
export const ROW = 12;
/** Events seen, rejected ones included. */
export const EVENT = 16;
/** Most events. */
export const EVENTS_MAX = 20;
/** Most bytes of one event. */
export const EVENT_BYTES_MAX = 24;
/** Where the scratch region is free: unescaped and compacted text goes there. */
export const SCRATCH = 28;
/** List items so far. */
export const POOL = 32;
/** The column descriptors. */
export const COLUMNS = 36;
/** How many there are. */
export const COLUMN_COUNT = 40;
/** The bit masks of the rows. */
export const MASKS = 44;
/** 64-bit words a mask. */
export const MASK_WORDS = 48;
/** Start, end and event of each row. */
export const RANGES = 52;
/** The table of column names. */
export const NAMES = 56;
/** Its slots less one. */
export const NAME_MASK = 60;
/** The learned shapes. */
export const SHAPES = 64;
/** The shape that is predicted, or 0. */
export const SHAPE = 68;
/** Which shape is overwritten next. */
export const SHAPE_NEXT = 72;
/** Rows taken as predicted. */
export const FAST_ROWS = 76;
/** Rows taken otherwise. */
export const GENERAL_ROWS = 80;
/** The list items: 8 bytes each, a code or (pointer, length). */
export const POOL_AT = 84;
/** The column that takes unknown fields, or 0. */
export const PROPS = 88;
/** 1 predicts keys, 0 looks each up, 2 refuses every event. */
export const PREDICT = 92;
/** The mask that every row must contain. */
export const REQUIRED = 96;
/** Where the output region starts. */
export const OUT = 100;
/** A byte that counts as a blank inside events: a line feed, or a space where line feeds end events. */
export const LINE_BREAK = 104;
/** Whether the row at hand left the fast path. */
export const SLOW = 108;
/** The text last read. */
export const TEXT_AT = 112;
/** Its length. */
export const TEXT_LENGTH = 116;
/** Of the number last read: digits behind the point. */
export const NUMBER_FRACTION = 120;
/** Of the number last read: negative, exponent, too many digits. */
export const NUMBER_FLAGS = 124;
/** Of the number last read: all digits as one 64-bit integer. */
export const NUMBER_DIGITS = 128;
/** Seeds the hashes, 64 bits. */
export const SEED = 136;
/** Order hash of the last row that was off the prediction, 64 bits. */
export const CANDIDATE = 144;
/** Whether blanks lie between the tokens of the JSON value last read. */
export const SPACED = 152;
/** The event at which a request starts: there a known shape is taken up at once. */
export const FIRST_ROW = 160;
/** Size of the structure. */
export const STATE_BYTES = 192;

// MODE: what the input is
/** NDJSON. */
export const MODE_LINES = 0;
/** One array of objects. */
export const MODE_ARRAY = 1;
/** One object over several lines. */
export const MODE_SINGLE = 2;

// what `run` answers
/** The input is at its end. */
export const DONE = 0;
/** The event at POSITION is for the caller to judge. */
export const REFUSED = 1;
/** At POSITION stands neither a comma nor the end of the array. */
export const BROKEN = 2;
/** There are more than EVENTS_MAX events. */
export const FULL = 3;

// COLUMN: byte offsets of its words
/** A `TYPE_`. */
export const TYPE = 0;
/** Position in the schema. */
export const INDEX = 4;
/** The slots of the rows. */
export const VALUES = 8;
/** Byte offset, in a row mask, of the word with the bit of the column. */
export const MASK_OFFSET = 12;
/** That bit, 64 bits. */
export const MASK_BIT = 16;
/** Dictionary: 32 bits a slot, upper bits of the hash above code + 1; 0 is free. */
export const SLOTS = 24;
/** Dictionary: slots less one. */
export const SLOT_MASK = 28;
/** Dictionary: where entries start. */
export const OFFSETS = 32;
/** Dictionary: the bytes of the entries. */
export const ARENA = 36;
/** Dictionary: how many entries. */
export const ENTRIES = 40;
/** Dictionary: how many bytes. */
export const ARENA_BYTES = 44;
/** Dictionary: 1 when it ran full in this request, and its column is bytes. */
export const RAW = 48;
/** Whether rows may lack the column. */
export const NULLABLE = 52;
/** Written by `finish`: the bitmap of rows that lack it, or 0. */
export const OUT_NULLS = 56;
/** Written by `finish`: the values, codes or bytes. */
export const OUT_DATA = 60;
/** Written by `finish`: how many bytes. */
export const OUT_DATA_LENGTH = 64;
/** Written by `finish`: the offsets of rows. */
export const OUT_OFFSETS = 68;
/** Written by `finish`: bytes a delta or code; 0 for codes that became bytes. */
export const OUT_WIDTH = 72;
/** Written by `finish`: the offsets of list items that are bytes. */
export const OUT_ITEM_OFFSETS = 76;
/** Written by `finish`: how many list items. */
export const OUT_ITEMS = 80;
/** Written by `finish`: the base of an integer column, 64 bits. */
export const OUT_BASE = 88;
/** Size of a descriptor. */
export const COLUMN_BYTES = 96;

// TYPE
/** Checked to be JSON and thrown away. */
export const TYPE_IGNORED = 0;
/** 16 bytes a slot. */
export const TYPE_UUID = 1;
/** Slot: pointer and length. */
export const TYPE_STRING = 2;
/** Slot: pointer and length; `finish` looks up the code. */
export const TYPE_DICTIONARY = 3;
/** Slot: first item and count. */
export const TYPE_LIST = 4;
/** Slot: pointer and length of the decoded bytes. */
export const TYPE_BYTES = 5;
/** Slot: the integer. */
export const TYPE_INT64 = 6;
/** Slot: the double. */
export const TYPE_DOUBLE = 7;
/** Slot: millionths. */
export const TYPE_DECIMAL = 8;
/** Slot: ms since 1970. */
export const TYPE_TIMESTAMP = 9;
/** Slot: 0 or 1 in its first byte. */
export const TYPE_BOOLEAN = 10;
/** Slot: pointer and length of compact text. */
export const TYPE_JSON = 11;

// SHAPE: a key order; 16 bytes an entry: key pointer, key length, column descriptor, unused
/** How many shapes are kept. */
export const SHAPES_MAX = 8;
/** Order hash of the shape, 64 bits. */
export const SHAPE_ORDER = 0;
/** Entries; 0 when the shape is free. */
export const SHAPE_COUNT = 8;
/** Entry after that of each column, 16 bits a column; 0 for none. */
export const SHAPE_PLACES = 16;
/** Room for so many columns. */
export const SHAPE_COLUMNS_MAX = 512;
/** The entries: key pointer, key length, column descriptor, unused. */
export const SHAPE_ENTRIES = 1040;
/** Most keys of a row whose order is learned. */
export const SHAPE_ENTRIES_MAX = 128;
/** The bytes of the keys, each with its quotes, colon and blanks. */
export const SHAPE_KEYS = 3088;
/** Most bytes of them. */
export const SHAPE_KEYS_MAX = 6144;
/** Size of a shape. */
export const SHAPE_BYTES = 9344;

/** Bytes kept free behind every region, because scans read and write 16 bytes at a time. */
export const PADDING = 256;

/** Most entries of a dictionary; as in `event/dictionary.ts`. */
export const DICTIONARY_ENTRIES_MAX = 65_536;
/** Most bytes of a dictionary; as in `event/dictionary.ts`. */
export const DICTIONARY_BYTES_MAX = 4_194_304;
/** Slots of an empty dictionary. */
export const DICTIONARY_SLOTS_MIN = 256;
/** Slots of a full one: two an entry. */
export const DICTIONARY_SLOTS_MAX = 131_072;

/** Deepest nesting of a JSON value that the scanner takes. */
export const DEPTH_MAX = 64;
/** Most keys of a JSON value open at once that the scanner takes. */
export const HASHES_MAX = 256;
/** Most unknown fields of one event that the scanner takes. */
export const UNKNOWN_MAX = 64;
