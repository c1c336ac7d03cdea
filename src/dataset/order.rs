//! Which picture a training sample is.
//!
//! Training sample s = step · batch + position in the batch is picture number s mod N of epoch ⌊s / N⌋, for N pictures:
//! an epoch shows every picture once, and batches run on across its end. The words are Philox's
//! ([`rng`]), of stream [`DataOrder`](Stream::DataOrder) with t = the epoch:
//!
//! - sample 0 orders the epoch by Fisher and Yates: for i from N − 1 down to 1, places i and ⌊wᵢ · (i + 1) / 2³²⌋ change
//!   their pictures, wᵢ being the word of element i. (A place is off its fair chance by at most (i + 1) / 2³².)
//! - sample 1 mirrors: the picture at place i is mirrored if the word of element i is 2³¹ or more.

use crate::rng::{self, Stream};

/// The sample number, in the counter, of the words that order.
const ORDER: u32 = 0;
/// The sample number, in the counter, of the words that mirror.
const MIRROR: u32 = 1;

/// What a training sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The picture's index in the data set.
    pub picture_ix: u32,
    /// Left and right change sides.
    pub mirrored: bool,
}

/// The order of the data: [`Self::item`] is a pure function of the seed, the sample and the number of pictures.
#[derive(Clone, Debug)]
pub struct BatchOrder {
    seed: u64,
    num_pictures: u32,
    mirror: bool,
    /// The epoch whose order is at hand.
    epoch: u32,
    order: Vec<u32>,
}

impl BatchOrder {
    /// The order of `num_pictures` pictures; half of the samples are mirrored if `mirror`.
    ///
    /// # Panics
    /// If there are no pictures.
    pub fn new(seed: u64, num_pictures: u32, mirror: bool) -> Self {
        assert!(num_pictures > 0, "no pictures to order");
        Self { seed, num_pictures, mirror, epoch: 0, order: epoch_order(seed, 0, num_pictures) }
    }

    /// What training sample `s` is. Quick while samples stay in one epoch; a change of epochs orders all pictures.
    pub fn item(&mut self, s: u32) -> Item {
        let (epoch, place) = (s / self.num_pictures, s % self.num_pictures);
        if epoch != self.epoch {
            self.order = epoch_order(self.seed, epoch, self.num_pictures);
            self.epoch = epoch;
        }
        let mirrored = self.mirror && {
            let words = rng::word_block(self.seed, Stream::DataOrder, epoch, MIRROR, place / 4);
            words[place as usize % 4] >= 1 << 31
        };
        Item { picture_ix: self.order[place as usize], mirrored }
    }
}

/// The pictures 0 to `num_pictures` − 1 as `epoch` shows them.
pub fn epoch_order(seed: u64, epoch: u32, num_pictures: u32) -> Vec<u32> {
    let mut words = vec![0; num_pictures as usize];
    rng::fill_words(seed, Stream::DataOrder, epoch, ORDER, &mut words);
    let mut order: Vec<u32> = (0..num_pictures).collect();
    for (i, &word) in words.iter().enumerate().skip(1).rev() {
        let j = (u64::from(word) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
    order
}
