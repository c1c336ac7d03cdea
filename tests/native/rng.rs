//! The random numbers against Random123's published answers and independent f64 normals.

use ddpm::rng::*;
use serde_json::Value;

use super::compare::{assert_fails, assert_max_abs};
use super::fixtures;
use super::normality::assert_standard_normal;

/// Every stream of noise.
pub const STREAMS: [Stream; 8] = [
    Stream::InitialNoise,
    Stream::ReverseNoise,
    Stream::ForwardNoise,
    Stream::Timestep,
    Stream::Dropout,
    Stream::DataOrder,
    Stream::InitialWeights,
    Stream::LabelDropout,
];

fn words_of(json: &Value) -> Vec<u32> {
    let words = json.as_array().expect("a list");
    words.iter().map(|w| u32::try_from(w.as_u64().expect("a word")).expect("32 bits")).collect()
}

#[test]
fn philox_gives_the_published_words() {
    let fixture = fixtures::json("rng.json");
    let answers = fixture["known_answers"].as_array().expect("known answers");
    assert!(!answers.is_empty());
    for answer in answers {
        let [counter, key, want] = [0, 1, 2].map(|i| words_of(&answer[i]));
        let (counter, key) = (counter.try_into().expect("4 words"), key.try_into().expect("2 words"));
        assert_eq!(philox4x32_10(counter, key).to_vec(), want, "counter {counter:x?}, key {key:x?}");
    }
}

#[test]
fn words_and_normals_follow_the_fixture() {
    let fixture = fixtures::json("rng.json");
    let cases = fixture["cases"].as_array().expect("cases");
    assert!(!cases.is_empty());
    for case in cases {
        let seed: u64 = case["seed"].as_str().expect("a seed").parse().expect("64 bits");
        let [t, sample, stream] =
            ["t", "sample", "stream"].map(|key| u32::try_from(case[key].as_u64().expect(key)).expect(key));
        let stream = STREAMS[stream as usize];
        let name = format!("seed {seed}, t {t}, sample {sample}, {stream:?}");

        let want = words_of(&case["words"]);
        let mut words = vec![0; want.len()];
        fill_words(seed, stream, t, sample, &mut words);
        assert_eq!(words, want, "{name}");

        let want: Vec<f64> = case["normals"]
            .as_array()
            .expect("normals")
            .iter()
            .map(|n| n.as_f64().expect("a number"))
            .collect();
        let mut normals = vec![0.0; want.len()];
        fill_normals(seed, stream, t, sample, &mut normals);
        assert_max_abs(&name, &normals, &want, 1e-12);
        normals[0] += 1e-11;
        assert_fails("a normal 1e-11 off", || assert_max_abs("spoilt", &normals, &want, 1e-12));
    }
}

#[test]
fn streams_have_the_numbers_that_the_counter_holds() {
    for (number, stream) in STREAMS.into_iter().enumerate() {
        assert_eq!(stream as usize, number);
        let words = word_block(0x1234_5678_9abc_def0, stream, 11, 12, 13);
        assert_eq!(words, philox4x32_10([13, 11, 12, number as u32], [0x9abc_def0, 0x1234_5678]));
    }
}

#[test]
fn uniforms_are_exact_in_f32_and_never_0_or_1() {
    for word in [0, 1, 511, 512, 1 << 31, u32::MAX - 512, u32::MAX] {
        let u = uniform(word);
        assert_eq!(f64::from(u as f32), u, "word {word}");
        assert!(u > 0.0 && u < 1.0 && (u as f32) < 1.0, "word {word}: {u}");
    }
    assert_eq!(uniform(0), 2f64.powi(-24));
    assert_eq!(uniform(u32::MAX), 1.0 - 2f64.powi(-24));
    assert_eq!(uniform(1 << 31), 0.5 + 2f64.powi(-24));
    let smallest = normals([u32::MAX; 4]);
    let largest = normals([0; 4]);
    assert!(smallest.iter().chain(&largest).all(|n| n.is_finite()));
}

#[test]
fn a_prefix_does_not_depend_on_the_length() {
    let mut long = [0.0; 23];
    fill_normals(7, Stream::ReverseNoise, 41, 3, &mut long);
    for n in 0..long.len() {
        let mut short = vec![0.0; n];
        fill_normals(7, Stream::ReverseNoise, 41, 3, &mut short);
        assert_eq!(short, long[..n]);
    }
    assert_eq!(long[20..], normal_block(7, Stream::ReverseNoise, 41, 3, 5)[..3]);
}

#[test]
fn every_coordinate_changes_the_words() {
    let base = word_block(7, Stream::InitialNoise, 999, 0, 0);
    for (what, other) in [
        ("low word of the seed", word_block(8, Stream::InitialNoise, 999, 0, 0)),
        ("high word of the seed", word_block(7 + (1 << 32), Stream::InitialNoise, 999, 0, 0)),
        ("stream", word_block(7, Stream::ReverseNoise, 999, 0, 0)),
        ("t", word_block(7, Stream::InitialNoise, 998, 0, 0)),
        ("sample", word_block(7, Stream::InitialNoise, 999, 1, 0)),
        ("block", word_block(7, Stream::InitialNoise, 999, 0, 1)),
    ] {
        assert!(base.iter().zip(&other).all(|(a, b)| a != b), "{what}: {base:?} and {other:?}");
    }
}

#[test]
fn a_million_normals_are_normal() {
    let mut one_sample = vec![0.0; 1_000_000];
    fill_normals(2006, Stream::InitialNoise, 999, 0, &mut one_sample);
    assert_standard_normal("one sample", &one_sample);

    // The first element of each (t, sample): what a chain sees of one pixel.
    let mut one_pixel = Vec::with_capacity(1_000_000);
    for sample in 0..1000 {
        one_pixel.extend((0..1000).map(|t| normal_block(11239, Stream::ReverseNoise, t, sample, 0)[0]));
    }
    assert_standard_normal("one pixel", &one_pixel);
}
