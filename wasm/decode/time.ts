// ISO 8601 times to ms since 1970.


@inline function digit(at: usize): u32 {
  return <u32>load<u8>(at) - 48;
}

/** Two digits, or a number above 99. */
@inline function two(at: usize): u32 {
  const a = digit(at), b = digit(at + 1);
  return a < 10 && b < 10 ? a * 10 + b : 1000;
}

/** Days from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
function days(year: i32, month: i32, day: i32): i64 {
  const y = month <= 2 ? year - 1 : year;
  const era = (y >= 0 ? y : y - 399) / 400;
  const ofEra = y - era * 400;
  const ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return <i64>(era * 146097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719468);
}

function monthDays(year: i32, month: i32): i32 {
  if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/**
 * `YYYY-MM-DD`, or with `T` or a blank `HH:MM[:SS[.fraction]]` and a zone `Z`, `±HH`, `±HHMM` or
 * `±HH:MM`. A fraction beyond ms is cut off. Writes ms to `to`; false when it is anything else.
 */
export function putTime(to: usize, at: usize, length: u32): bool {
  const end = at + length;
  if (length < 10) return false;
  const y1 = two(at), y2 = two(at + 2), month = <i32>two(at + 5), day = <i32>two(at + 8);
  if (y1 > 99 || y2 > 99 || load<u8>(at, 4) != 45 || load<u8>(at, 7) != 45) return false;
  const year = <i32>(y1 * 100 + y2);
  if (month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) return false;
  let ms = days(year, month, day) * 86400000;
  if (length > 10) {
    const separator: u32 = load<u8>(at, 10);
    if ((separator != 84 && separator != 116 && separator != 32) || length < 17) return false;
    const hour = two(at + 11), minute = two(at + 14);
    if (hour > 23 || minute > 59 || load<u8>(at, 13) != 58) return false;
    ms += <i64>hour * 3600000 + <i64>minute * 60000;
    let p = at + 16;
    if (load<u8>(p) == 58) {
      const second = two(p + 1);
      if (second > 59) return false;
      ms += <i64>second * 1000;
      p += 3;
      if (load<u8>(p) == 46 || load<u8>(p) == 44) {
        p++;
        const from = p;
        let scale: i64 = 100;
        while (digit(p) < 10) {
          ms += <i64>digit(p) * scale;
          scale /= 10;
          p++;
        }
        if (p == from) return false;
      }
    }
    const zone: u32 = load<u8>(p);
    if (p >= end) return false;
    p++;
    if (zone == 43 || zone == 45) {
      const hours = two(p);
      let minutes: u32 = 0;
      p += 2;
      if (p < end) {
        if (load<u8>(p) == 58) p++;
        minutes = two(p);
        p += 2;
      }
      if (hours > 23 || minutes > 59) return false;
      const shift = <i64>hours * 3600000 + <i64>minutes * 60000;
      ms += zone == 43 ? -shift : shift;
    } else if (zone != 90 && zone != 122) {
      return false;
    }
    if (p != end) return false;
  }
  store<i64>(to, ms);
  return true;
}
