//! The fast lane: tuples of an INSERT, 64 bytes at a time.
//!
//! Each block becomes bit masks, one bit a byte. Quotes that no backslash escapes, summed by exclusive or from
//! the left, give the bytes that lie in strings; everything outside must be a digit, a sign of a tuple or a
//! word known to be a value. At the first byte that is anything else the lane ends and the careful lane goes
//! on: it may only ever be faster, never of another opinion. (The technique is simdjson's.)

use crate::sql::lexer::code::is_word;
use crate::sql::lexer::insert::is_value;

/// Bytes of a block.
const BLOCK: usize = 64;

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
struct Masks {
    quote: u64,
    backslash: u64,
    open: u64,
    close: u64,
    dash: u64,
    /// Letters and the underscore.
    letter: u64,
    /// Whatever may not stand outside of strings.
    odd: u64,
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

trait Blocks {
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
fn run<B: Blocks>(bytes: &[u8], lane: Lane) -> Ran {
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

#[inline(never)]
fn long_value(bytes: &[u8], at: usize) -> Option<usize> {
    let start = bytes[..at].iter().rposition(|byte| !is_word(*byte)).map_or(0, |before| before + 1);
    let len = bytes[at..].iter().position(|byte| !is_word(*byte))?;
    let word = &bytes[start..at + len];
    let hex = matches!(word, [b'0', b'x' | b'X', ..]);
    (is_value(word, Some(bytes[at + len])) && (hex || word.len() <= WORD)).then_some(at + len)
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

struct Portable;

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

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! The masks by AVX2: comparisons for single bytes, two table look-ups for classes.

    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
        _mm256_set1_epi8, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    };

    use super::{BLOCK, Blocks, Lane, Masks, Ran};

    struct Avx2;

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) unsafe fn run(bytes: &[u8], lane: Lane) -> Ran {
        super::run::<Avx2>(bytes, lane)
    }

    // Groups of bytes that share their high half: 2x signs, 3x digits, 4x and 6x letters, 5x letters and the
    // underscore, 7x letters, 0x blanks.
    const SIGNS: i8 = 1;
    const DIGITS: i8 = 2;
    const BLANKS: i8 = 4;
    const UPPER: i8 = 8;
    const FIVES: i8 = 16;
    const SEVENS: i8 = 32;
    const LETTERS: i8 = UPPER | FIVES | SEVENS;

    impl Blocks for Avx2 {
        #[inline(always)]
        fn masks(block: &[u8; BLOCK]) -> Masks {
            // SAFETY: reached only through `run`, whose caller saw that the processor has AVX2; both loads
            // lie within the block.
            unsafe {
                let low = half(_mm256_loadu_si256(block.as_ptr().cast()));
                let high = half(_mm256_loadu_si256(block.as_ptr().add(32).cast()));
                let join = |at: usize| u64::from(low[at]) | u64::from(high[at]) << 32;
                Masks {
                    quote: join(0),
                    backslash: join(1),
                    open: join(2),
                    close: join(3),
                    dash: join(4),
                    letter: join(5),
                    odd: join(6),
                }
            }
        }
    }

    /// The masks of 32 bytes, in the order of the fields.
    #[inline(always)]
    unsafe fn half(bytes: __m256i) -> [u32; 7] {
        unsafe {
            let equal = |sign: u8| _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(sign as i8))) as u32;
            let nibble = _mm256_set1_epi8(0x0f);
            let high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
            // A byte from 0x80 on has its sign set, and the shuffle gives 0 for it.
            let classes = _mm256_and_si256(_mm256_shuffle_epi8(by_low(), bytes), _mm256_shuffle_epi8(by_high(), high));
            let zero = _mm256_setzero_si256();
            let letters = _mm256_and_si256(classes, _mm256_set1_epi8(LETTERS));
            [
                equal(b'\''),
                equal(b'\\'),
                equal(b'('),
                equal(b')'),
                equal(b'-'),
                _mm256_movemask_epi8(_mm256_cmpgt_epi8(letters, zero)) as u32,
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(classes, zero)) as u32,
            ]
        }
    }

    #[inline(always)]
    unsafe fn by_high() -> __m256i {
        unsafe { twice([BLANKS, 0, SIGNS, DIGITS, UPPER, FIVES, UPPER, SEVENS, 0, 0, 0, 0, 0, 0, 0, 0]) }
    }

    #[inline(always)]
    unsafe fn by_low() -> __m256i {
        const D: i8 = DIGITS;
        const L: i8 = UPPER;
        const H: i8 = FIVES | SEVENS;
        const S: i8 = SIGNS;
        const B: i8 = BLANKS;
        unsafe {
            twice([
                D | H | S,
                D | L | H,
                D | L | H,
                D | L | H,
                D | L | H,
                D | L | H,
                D | L | H,
                D | L | H | S,
                D | L | H | S,
                D | L | H | S | B,
                L | H | B,
                L | S,
                L | S,
                L | S | B,
                L | S,
                L | FIVES,
            ])
        }
    }

    #[inline(always)]
    unsafe fn twice(t: [i8; 16]) -> __m256i {
        unsafe {
            _mm256_setr_epi8(
                t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15],
                t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15],
            )
        }
    }

    #[cfg(test)]
    mod tests {
        use super::super::{Blocks, Portable};
        use super::*;

        #[test]
        fn every_byte_has_the_same_masks_as_in_the_portable_lane() {
            if !is_x86_feature_detected!("avx2") {
                return;
            }
            for first in 0..=255u8 {
                let block: [u8; BLOCK] = std::array::from_fn(|at| first.wrapping_add((at * 37) as u8));
                assert_eq!(Avx2::masks(&block), Portable::masks(&block), "blocks from {first:#x}");
            }
        }
    }
}
