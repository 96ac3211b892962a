//! MD5 over the same bytes for one or two sums at once.
//!
//! MD5 is one long chain of dependent steps, so a core that computes two sums side by side is
//! hardly slower than with one. The sum of a whole file and the sum of the part that is being
//! read take the same blocks; only their states differ.
//!
//! # Source
//!
//! RFC 1321. Checked against the `md-5` crate below.

const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
const BLOCK: usize = 64;

/// floor(2^32 |sin(i + 1)|), the constants of RFC 1321.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// `N` MD5 states that are fed the same bytes, in step by whole blocks.
pub(super) struct Lanes<const N: usize> {
    states: [[u32; 4]; N],
    /// Bytes that each state has taken, `tail` included.
    lens: [u64; N],
    tail: [u8; BLOCK],
    filled: usize,
}

impl<const N: usize> Lanes<N> {
    pub(super) fn new() -> Self {
        Self { states: [START; N], lens: [0; N], tail: [0; BLOCK], filled: 0 }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        self.lens.iter_mut().for_each(|len| *len += bytes.len() as u64);
        if self.filled > 0 {
            let taken = bytes.len().min(BLOCK - self.filled);
            self.tail[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < BLOCK {
                return;
            }
            compress(&mut self.states, &self.tail);
            self.filled = 0;
        }
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| compress(&mut self.states, block));
        self.tail[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    /// The sum of what lane `lane` took so far; the lane goes on unchanged.
    pub(super) fn sum(&self, lane: usize) -> [u8; 16] {
        let mut end = [0; 2 * BLOCK];
        end[..self.filled].copy_from_slice(&self.tail[..self.filled]);
        end[self.filled] = 0x80;
        let size = if self.filled < 56 { BLOCK } else { 2 * BLOCK };
        end[size - 8..size].copy_from_slice(&(self.lens[lane] << 3).to_le_bytes());
        let mut state = [self.states[lane]];
        end[..size].as_chunks::<BLOCK>().0.iter().for_each(|block| compress(&mut state, block));
        let mut sum = [0; 16];
        sum.chunks_exact_mut(4).zip(state[0]).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
        sum
    }

    /// Starts one lane anew; only between whole blocks, or the lanes would fall out of step.
    pub(super) fn restart(&mut self, lane: usize) {
        assert_eq!(self.filled, 0, "a lane restarts between blocks");
        self.states[lane] = START;
        self.lens[lane] = 0;
    }
}

macro_rules! step {
    ($mix:expr, $a:ident $b:ident $c:ident $d:ident, $word:expr, $turn:literal) => {
        for lane in 0..N {
            let mixed = $mix($b[lane], $c[lane], $d[lane]).wrapping_add($a[lane].wrapping_add($word));
            $a[lane] = $b[lane].wrapping_add(mixed.rotate_left($turn));
        }
    };
}

macro_rules! round {
    ($round:literal, $mix:expr, $a:ident $b:ident $c:ident $d:ident, $words:ident, $by:literal + $from:literal,
     $t0:literal $t1:literal $t2:literal $t3:literal) => {
        for i in [0, 4, 8, 12] {
            let word = |j: usize| $words[($by * j + $from) % 16].wrapping_add(SINES[16 * $round + j]);
            step!($mix, $a $b $c $d, word(i), $t0);
            step!($mix, $d $a $b $c, word(i + 1), $t1);
            step!($mix, $c $d $a $b, word(i + 2), $t2);
            step!($mix, $b $c $d $a, word(i + 3), $t3);
        }
    };
}

fn compress<const N: usize>(states: &mut [[u32; 4]; N], block: &[u8; BLOCK]) {
    let words: [u32; 16] = std::array::from_fn(|i| u32::from_le_bytes(block.as_chunks().0[i]));
    let [mut a, mut b, mut c, mut d] = std::array::from_fn(|word| -> [u32; N] { states.map(|state| state[word]) });
    round!(0, |x: u32, y, z| z ^ (x & (y ^ z)), a b c d, words, 1 + 0, 7 12 17 22);
    round!(1, |x: u32, y: u32, z: u32| (x & z).wrapping_add(y & !z), a b c d, words, 5 + 1, 5 9 14 20);
    round!(2, |x: u32, y: u32, z: u32| x ^ y ^ z, a b c d, words, 3 + 5, 4 11 16 23);
    round!(3, |x: u32, y: u32, z: u32| y ^ (x | !z), a b c d, words, 7 + 0, 6 10 15 21);
    for (lane, state) in states.iter_mut().enumerate() {
        for (word, mixed) in state.iter_mut().zip([a[lane], b[lane], c[lane], d[lane]]) {
            *word = word.wrapping_add(mixed);
        }
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    #[test]
    fn both_lanes_agree_with_the_md5_crate_at_every_length() {
        let bytes: Vec<u8> = (0..600u32).map(|i| (i * 7 % 251) as u8).collect();
        for len in 0..bytes.len() {
            let mut lanes = Lanes::<2>::new();
            for piece in bytes[..len].chunks(1 + len % 97) {
                lanes.feed(piece);
            }
            let expected: [u8; 16] = Md5::digest(&bytes[..len]).into();
            assert_eq!([lanes.sum(0), lanes.sum(1)], [expected; 2], "{len} bytes");
        }
    }

    #[test]
    fn a_lane_that_restarts_forgets_what_was_before() {
        let mut lanes = Lanes::<2>::new();
        lanes.feed(&[1; 640]);
        lanes.restart(1);
        lanes.feed(&[2; 100]);
        assert_eq!(lanes.sum(1), <[u8; 16]>::from(Md5::digest([2; 100])));
        assert_eq!(lanes.sum(0), <[u8; 16]>::from(Md5::digest([vec![1; 640], vec![2; 100]].concat())));
    }
}
