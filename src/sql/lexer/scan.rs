//! The fast lane: tuples of an INSERT, 64 bytes at a time.
//!
//! Each block becomes bit masks, one bit a byte. Quotes that no backslash escapes, summed by exclusive or from
//! the left, give the bytes that lie in strings; everything outside must be a digit, a sign of a tuple or a
//! word known to be a value. At the first byte that is anything else the lane ends and the careful lane goes
//! on: it may only ever be faster, never of another opinion. (The technique is simdjson's.)

#[cfg(target_arch = "x86_64")]
use crate::sql::lexer::avx2;
use crate::sql::lexer::code::is_word;
use crate::sql::lexer::insert::is_value;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// Bytes behind a block that must be seen, so that words at its end are seen whole.
const BEHIND: usize = 16;

/// The longest word that the lane looks at, as in the careful lane.
const WORD: usize = 80;

/// Whether a lane begins in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    No,
    Yes,
}

/// Whether the place is inside a tuple's parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parens {
    Outside,
    Inside,
}

/// How a lane begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    pub(super) inside: Inside,
    pub(super) parens: Parens,
    /// Whether a backslash escapes.
    pub(super) escapes: bool,
}

/// Where a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Before a token.
    Code,
    Quoted,
    Escaped,
}

/// What a lane did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) taken: usize,
    pub(super) ends: Ends,
    pub(super) parens: Parens,
    pub(super) rows: u64,
}

/// One bit for each byte of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    pub(super) open: u64,
    pub(super) close: u64,
    pub(super) dash: u64,
    /// Letters and the underscore.
    pub(super) letter: u64,
    /// Whatever may not stand outside of strings.
    pub(super) odd: u64,
}

const PLAIN: u8 = 1;
const LETTER: u8 = 2;

const fn class(byte: u8) -> u8 {
    match byte {
        b' ' | b'\t' | b'\n' | b'\r' | b'\'' | b'(' | b')' | b'+' | b',' | b'-' | b'.' | b'0'..=b'9' => PLAIN,
        b'A'..=b'Z' | b'a'..=b'z' | b'_' => LETTER,
        _ => 0,
    }
}

/// Whether the lane ends by itself at a delimiter that begins with this byte.
pub(super) fn may_delimit(first: u8) -> bool {
    class(first) == 0
}

/// The best way of scanning that this processor offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scanner {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Scanner {
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt") {
            return Self::Avx2;
        }
        Self::Portable
    }

    /// Runs as far as it can; `None` when that is nowhere.
    pub(super) fn run(self, bytes: &[u8], lane: Lane) -> Option<Ran> {
        if bytes.len() < BLOCK + BEHIND {
            return None;
        }
        let ran = match self {
            Self::Portable => run::<Portable>(bytes, lane),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `best` makes this variant, after it saw that the processor has these features.
            Self::Avx2 => unsafe { avx2::run(bytes, lane) },
        };
        (ran.taken > 0).then_some(ran)
    }
}

pub(super) trait Blocks {
    fn masks(block: &[u8; BLOCK]) -> Masks;
}

/// What goes on from block to block.
struct Carry {
    /// All ones when the next byte is in a string.
    quoted: u64,
    /// One when the next byte is escaped.
    escape: u64,
    /// All ones when the next byte is inside a tuple.
    parens: u64,
    rows: u64,
}

#[inline(always)]
pub(super) fn run<B: Blocks>(bytes: &[u8], lane: Lane) -> Ran {
    let all = |on: bool| if on { u64::MAX } else { 0 };
    let mut carry = Carry {
        quoted: all(lane.inside == Inside::Yes),
        escape: 0,
        parens: all(lane.parens == Parens::Inside),
        rows: 0,
    };
    let mut base = 0;
    while let Some(block) = bytes.get(base..base + BLOCK + BEHIND).and_then(|seen| seen.first_chunk::<BLOCK>()) {
        let masks = B::masks(block);
        let escaped = if lane.escapes { escaped(masks.backslash, &mut carry.escape) } else { 0 };
        let quoted = prefix_xor(masks.quote & !escaped) ^ carry.quoted;
        let code = !quoted;
        let parens = (masks.open | masks.close) & code;
        let nested = prefix_xor(parens) ^ carry.parens;
        let unbalanced = (masks.open & code & !nested) | (masks.close & code & nested);
        let dashes = masks.dash & (masks.dash >> 1 | 1 << 63);
        let special = ((masks.odd | dashes) & code) | unbalanced;
        let (stop, next) = words(bytes, base, masks.letter & code, special.trailing_zeros());
        let taken = below(stop);
        carry.rows += u64::from((masks.open & code & taken).count_ones());
        if stop < BLOCK as u32 {
            let odd = (parens & taken).count_ones() & 1 == 1;
            carry.parens ^= all(odd);
            carry.quoted = 0;
            base += stop as usize;
            break;
        }
        carry.quoted = all(quoted >> 63 == 1);
        carry.parens = all(nested >> 63 == 1);
        base = next;
    }
    let ends = match (carry.quoted, carry.escape) {
        (0, _) => Ends::Code,
        (_, 0) => Ends::Quoted,
        _ => Ends::Escaped,
    };
    if ends == Ends::Code {
        // The careful lane wants tokens from their beginning.
        while base > 0 && is_word(bytes[base - 1]) {
            base -= 1;
        }
    }
    let parens = if carry.parens == 0 { Parens::Outside } else { Parens::Inside };
    Ran { taken: base, ends, parens, rows: carry.rows }
}

/// Bits below the given one.
#[inline(always)]
fn below(bit: u32) -> u64 {
    1u64.checked_shl(bit).map_or(u64::MAX, |one| one - 1)
}

/// Looks at each word outside of strings before `stop`: moves `stop` to the first that is no value, and tells
/// where the next block begins.
#[inline(always)]
fn words(bytes: &[u8], base: usize, letters: u64, stop: u32) -> (u32, usize) {
    let mut left = letters & below(stop);
    let mut next = base + BLOCK;
    while left != 0 {
        let bit = left.trailing_zeros();
        let Some(end) = value_at(bytes, base + bit as usize) else { return (bit, next) };
        if end >= next {
            next = end;
            break;
        }
        left &= !below((end - base) as u32);
    }
    (stop, next)
}

/// The end of the value whose first letter stands at `at`.
#[inline(always)]
fn value_at(bytes: &[u8], at: usize) -> Option<usize> {
    let begins = at == 0 || !is_word(bytes[at - 1]);
    if begins && bytes[at..].starts_with(b"NULL") && bytes.get(at + 4).is_some_and(|byte| !is_word(*byte)) {
        return Some(at + 4);
    }
    long_value(bytes, at)
}

/// How many hexadecimal digits stand at the beginning; written so that the compiler makes vectors of it.
pub(super) fn hex_len(bytes: &[u8]) -> usize {
    let is_hex = |byte: u8| (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6);
    let (chunks, _) = bytes.as_chunks::<32>();
    let whole = chunks.iter().take_while(|chunk| chunk.iter().fold(true, |all, byte| all & is_hex(*byte))).count() * 32;
    whole + bytes[whole..].iter().take_while(|byte| is_hex(**byte)).count()
}

#[inline(never)]
fn long_value(bytes: &[u8], at: usize) -> Option<usize> {
    let start = bytes[..at].iter().rposition(|byte| !is_word(*byte)).map_or(0, |before| before + 1);
    if start + 1 == at && bytes[start] == b'0' && matches!(bytes[at], b'x' | b'X') {
        let end = at + 1 + hex_len(&bytes[at + 1..]);
        return bytes.get(end).is_some_and(|next| !is_word(*next)).then_some(end);
    }
    let len = bytes[at..].iter().take(WORD + 1).position(|byte| !is_word(*byte))?;
    let word = &bytes[start..at + len];
    (is_value(word, Some(bytes[at + len])) && word.len() <= WORD).then_some(at + len)
}

/// Each bit becomes the exclusive or of itself and all below it.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The bytes that a backslash escapes.
#[inline(always)]
fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    if backslash == 0 {
        return std::mem::take(carry);
    }
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslash = backslash & !*carry;
    let follows = backslash << 1 | *carry;
    let odd_starts = backslash & !EVEN & !follows;
    let (from_even, over) = odd_starts.overflowing_add(backslash);
    *carry = u64::from(over);
    (EVEN ^ (from_even << 1)) & follows
}

pub(super) struct Portable;

static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
};

impl Blocks for Portable {
    #[inline(always)]
    fn masks(block: &[u8; BLOCK]) -> Masks {
        let mut masks = Masks { quote: 0, backslash: 0, open: 0, close: 0, dash: 0, letter: 0, odd: 0 };
        for (at, &byte) in block.iter().enumerate() {
            masks.quote |= u64::from(byte == b'\'') << at;
            masks.backslash |= u64::from(byte == b'\\') << at;
            masks.open |= u64::from(byte == b'(') << at;
            masks.close |= u64::from(byte == b')') << at;
            masks.dash |= u64::from(byte == b'-') << at;
            let class = CLASS[usize::from(byte)];
            masks.letter |= u64::from(class == LETTER) << at;
            masks.odd |= u64::from(class == 0) << at;
        }
        masks
    }
}
