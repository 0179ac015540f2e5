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
export const POSITION = 0;
export const END = 4;
export const MODE = 8;
export const ROW = 12;
export const EVENT = 16;
export const EVENTS_MAX = 20;
export const EVENT_BYTES_MAX = 24;
export const SCRATCH = 28;
export const POOL = 32;
export const COLUMNS = 36;
export const COLUMN_COUNT = 40;
export const MASKS = 44;
export const MASK_WORDS = 48;
export const RANGES = 52;
export const NAMES = 56;
export const NAME_MASK = 60;
export const SHAPES = 64;
export const SHAPE = 68;
export const SHAPE_NEXT = 72;
export const FAST_ROWS = 76;
export const GENERAL_ROWS = 80;
export const POOL_AT = 84;
export const PROPS = 88;
export const PREDICT = 92;
export const REQUIRED = 96;
export const OUT = 100;
export const LINE_BREAK = 104;
export const SLOW = 108;
export const TEXT_AT = 112;
export const TEXT_LENGTH = 116;
export const NUMBER_FRACTION = 120;
export const NUMBER_FLAGS = 124;
export const NUMBER_DIGITS = 128;
export const SEED = 136;
export const CANDIDATE = 144;
export const SPACED = 152;
export const HASHES = 156;
export const FIRST_ROW = 160;
export const STATE_BYTES = 192;

// MODE: what the input is
export const MODE_LINES = 0;
export const MODE_ARRAY = 1;
export const MODE_SINGLE = 2;

// what `run` answers
export const DONE = 0;
export const REFUSED = 1;
export const BROKEN = 2;
export const FULL = 3;

// COLUMN: byte offsets of its words
export const TYPE = 0;
export const INDEX = 4;
export const VALUES = 8;
export const MASK_OFFSET = 12;
export const MASK_BIT = 16;
export const SLOTS = 24;
export const SLOT_MASK = 28;
export const OFFSETS = 32;
export const ARENA = 36;
export const ENTRIES = 40;
export const ARENA_BYTES = 44;
export const RAW = 48;
export const NULLABLE = 52;
/** What `finish` found and wrote; pointers into the output. */
export const OUT_NULLS = 56;
export const OUT_DATA = 60;
export const OUT_DATA_LENGTH = 64;
export const OUT_OFFSETS = 68;
export const OUT_WIDTH = 72;
export const OUT_ITEM_OFFSETS = 76;
export const OUT_ITEMS = 80;
export const OUT_BASE = 88;
export const COLUMN_BYTES = 96;

// TYPE
export const TYPE_IGNORED = 0;
export const TYPE_UUID = 1;
export const TYPE_STRING = 2;
export const TYPE_DICTIONARY = 3;
export const TYPE_LIST = 4;
export const TYPE_BYTES = 5;
export const TYPE_INT64 = 6;
export const TYPE_DOUBLE = 7;
export const TYPE_DECIMAL = 8;
export const TYPE_TIMESTAMP = 9;
export const TYPE_BOOLEAN = 10;
export const TYPE_JSON = 11;

// SHAPE: a key order; 16 bytes an entry: key pointer, key length, column descriptor, unused
export const SHAPES_MAX = 8;
export const SHAPE_ORDER = 0;
export const SHAPE_COUNT = 8;
export const SHAPE_PLACES = 16;
export const SHAPE_COLUMNS_MAX = 512;
export const SHAPE_ENTRIES = 1040;
export const SHAPE_ENTRIES_MAX = 128;
export const SHAPE_KEYS = 3088;
export const SHAPE_KEYS_MAX = 6144;
export const SHAPE_BYTES = 9344;

/** Bytes kept free behind every region, because scans read and write 16 bytes at a time. */
export const PADDING = 256;

/** Most entries and bytes a dictionary holds; as in `event/dictionary.ts`. */
export const DICTIONARY_ENTRIES_MAX = 65_536;
export const DICTIONARY_BYTES_MAX = 4_194_304;

/** Deepest nesting and most keys open at once that the scanner takes in a JSON value. */
export const DEPTH_MAX = 64;
export const HASHES_MAX = 256;
/** Most unknown fields of one event that the scanner takes. */
export const UNKNOWN_MAX = 64;
