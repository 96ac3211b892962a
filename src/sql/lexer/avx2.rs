//! The masks by AVX2: comparisons for single bytes, two table look-ups for classes.

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_set1_epi8, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
};

use crate::sql::lexer::scan::{self, BLOCK, Blocks, Lane, Masks, Ran};

struct Avx2;

#[target_feature(enable = "avx2,bmi1,popcnt")]
pub(super) unsafe fn run(bytes: &[u8], lane: Lane) -> Ran {
    scan::run::<Avx2>(bytes, lane)
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
            t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15], t[0],
            t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::scan::Portable;

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
