//! The twin of dropout.

use ddpm::rng::{Stream, fill_words, uniform};

use super::activation::Activation;

/// What dropout multiplies one sample of a tensor by, and its gradient likewise: 0 with probability `dropout`,
/// otherwise 1 / (1 − dropout).
///
/// `layer`: the number of the operation in its recording. An element is kept where the uniform number of its word is
/// at least `dropout`. arXiv 1207.0580.
pub fn dropout_mask(
    seed: u64,
    layer: u32,
    sample: u32,
    dropout: f32,
    size: [usize; 2],
    channels: usize,
) -> Activation {
    // Words are numbered by the element's index in [C, H, W].
    let mut words = vec![0; channels * size[0] * size[1]];
    fill_words(seed, Stream::Dropout, layer, sample, &mut words);
    let dropout = f64::from(dropout);
    let factor = |&word: &u32| if uniform(word) >= dropout { 1.0 / (1.0 - dropout) } else { 0.0 };
    let planes: Vec<f64> = words.iter().map(factor).collect();
    Activation::from_planes(size, channels, &planes)
}

#[test]
fn masks_drop_their_share_and_keep_the_mean() {
    let mask = |layer, sample, dropout| dropout_mask(7, layer, sample, dropout, [32, 32], 16).data;
    for dropout in [0.1, 0.5, 0.9] {
        let mask = mask(3, 1, dropout);
        let dropped = mask.iter().filter(|&&factor| factor == 0.0).count() as f64 / mask.len() as f64;
        // 16384 draws: a standard deviation of at most 0.004.
        assert!((dropped - f64::from(dropout)).abs() < 0.016, "{dropped} dropped of {dropout}");
        let kept = mask.iter().copied().find(|&factor| factor != 0.0).expect("some are kept");
        assert_eq!(kept, 1.0 / (1.0 - f64::from(dropout)));
        assert!(mask.iter().all(|&factor| factor == 0.0 || factor == kept));
    }
    assert!(mask(3, 1, 0.0).iter().all(|&factor| factor == 1.0));
    assert_ne!(mask(3, 1, 0.5), mask(4, 1, 0.5), "another layer");
    assert_ne!(mask(3, 1, 0.5), mask(3, 2, 0.5), "another sample");
}

#[test]
fn elements_are_numbered_by_planes() {
    use ddpm::rng::word_block;
    let mask = dropout_mask(7, 3, 1, 0.5, [3, 5], 2);
    for (pixel, c) in (0..15).flat_map(|pixel| [(pixel, 0), (pixel, 1)]) {
        let element = c * 15 + pixel;
        let word = word_block(7, Stream::Dropout, 3, 1, element as u32 / 4)[element % 4];
        assert_eq!(mask.pixel(pixel)[c], if uniform(word) >= 0.5 { 2.0 } else { 0.0 }, "{pixel}, {c}");
    }
}
