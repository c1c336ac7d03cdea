//! The training pictures nearest to samples: whether a model has learned pictures by heart.

use crate::dataset::Dataset;
use crate::picture::to_byte;

/// A picture of a data set and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its index.
    pub picture_ix: u32,
    /// The root mean square of its difference, on \[0, 255\].
    pub distance: f64,
}

/// Of each of `pictures` (`[n, C, H, W]` in \[−1, 1\]) the nearest in `dataset`, the first of those equally near.
///
/// # Panics
/// If the pictures are not whole, or of another shape than the data set's.
pub fn nearest(dataset: &Dataset, pictures: &[f32]) -> Vec<Neighbour> {
    let elements = dataset.elements();
    assert!(pictures.len().is_multiple_of(elements), "whole pictures of {elements} elements");
    let of = |picture: &[f32]| {
        let bytes: Vec<u8> = picture.iter().map(|&x| to_byte(x)).collect();
        let squared = |ix: u32| -> u64 {
            let pairs = bytes.iter().zip(dataset.picture(ix));
            pairs.map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum()
        };
        let nearest = (0..dataset.num_pictures()).map(|ix| (squared(ix), ix)).min();
        // A data set has a picture at least.
        let (squared, picture_ix) = nearest.unwrap_or_default();
        Neighbour { picture_ix, distance: (squared as f64 / elements as f64).sqrt() }
    };
    pictures.chunks_exact(elements).map(of).collect()
}
