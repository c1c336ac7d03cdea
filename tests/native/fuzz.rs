//! The checkpoint reader on files that were damaged on purpose: no panic, and never more memory than three times the
//! file plus 1 MiB, as an allocator that counts proves.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ddpm::checkpoint::{Checkpoint, Metadata, Precision, Weights};
use ddpm::error::Result;
use ddpm::spec::{DiffusionSpec, UNetSpec};
use serde_json::json;

const CONFIG: &str = r#"{"sample_size": 4, "block_out_channels": [4], "norm_num_groups": 2, "in_channels": 1,
    "out_channels": 1, "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"], "num_class_embeds": 3,
    "attention_head_dim": null}"#;

/// The system's allocator, counting what the current thread holds and the most that it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that is ending has no count any more, and no test to answer to.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        MOST.with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call is passed on unchanged to the system's allocator, whose guarantees are those asked for; counting
// touches two thread-local integers, which neither allocates nor unwinds.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are System's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) };
        count(-(layout.size() as isize));
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Both blocks are held while one is copied to the other.
        count(new_size as isize);
        // SAFETY: as above.
        let moved = unsafe { System.realloc(pointer, layout, new_size) };
        count(-(layout.size() as isize));
        moved
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that `work` held at once beyond those held before it.
pub fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = work();
    (result, (MOST.get() - before) as usize)
}

/// Whether reading a file of `file` bytes may hold `held` bytes, its own included.
fn allowed(file: usize, held: usize) -> bool {
    held <= 3 * file + (1 << 20)
}

/// SplitMix64: numbers to damage files by, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Less than `end`; 0 where that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// A range of at most `most` bytes within `length`.
    fn span(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        start..(start + self.below(most)).min(length)
    }
}

/// A small packed file, sound.
fn sound(precision: Precision) -> Vec<u8> {
    let shapes = [
        ("conv_in.weight", vec![4, 1, 3, 3]),
        ("conv_in.bias", vec![4]),
        ("mid_block.attentions.0.to_out.0.weight", vec![4, 4]),
        ("mid_block.attentions.0.to_q.weight", vec![4, 4]),
        ("class_embedding.weight", vec![3, 16]),
    ];
    let tensor = |(name, shape): (&str, Vec<usize>)| {
        let elements = shape.iter().product::<usize>();
        (name.to_owned(), (shape, (0..elements).map(|i| i as f32 - 2.5).collect()))
    };
    let checkpoint = Checkpoint {
        unet: UNetSpec::from_json(CONFIG).unwrap(),
        diffusion: DiffusionSpec::default(),
        metadata: Metadata {
            class_names: vec!["shirt".into(), "bag \"é\"".into()],
            null_class: Some(2),
            card: Some(json!({"data": ["a", {"b": 1.5e-3}], "steps": 10})),
        },
        weights: Weights::from_f32(shapes.into_iter().map(tensor).collect::<BTreeMap<_, _>>()).unwrap(),
    };
    checkpoint.to_bytes(precision).unwrap()
}

/// A file of `header` and `data`, its length told truly.
fn file(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}

/// What a number, a bracket or a word of JSON may be replaced by.
const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "-0.0",
    "18446744073709551615",
    "9223372036854775808",
    "4294967295",
    "1.5",
    "\"\\ud800\"",
    "\u{0}",
    "[[[[",
    "{\"a\":",
    "\"F16\"",
    "\"dtype\"",
];

/// Damages JSON: tokens swapped, numbers made huge, pieces doubled, moved or dropped, nesting deepened.
fn damage_text(text: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(text.len());
    let places = |text: &[u8], kind: fn(&u8) -> bool| -> Vec<usize> {
        (0..text.len()).filter(|&place| kind(&text[place])).collect()
    };
    match numbers.below(8) {
        0 => {
            let digits = places(text, u8::is_ascii_digit);
            if let Some(&digit) = digits.get(numbers.below(digits.len())) {
                text.splice(digit..=digit, numbers.one_of(&TOKENS).bytes());
            }
        }
        1 => {
            let structure = places(text, |byte| b"{}[],:\"".contains(byte));
            if let Some(&place) = structure.get(numbers.below(structure.len())) {
                text.splice(place..=place, numbers.one_of(&TOKENS).bytes());
            }
        }
        2 => {
            let span = numbers.span(text.len(), 80);
            let piece = text[span].to_vec();
            text.splice(at..at, piece);
        }
        3 => {
            let span = numbers.span(text.len(), 20);
            text.drain(span);
        }
        4 => {
            let keys = places(text, |byte| *byte == b',');
            if keys.len() > 1 {
                // An entry given twice.
                let first = numbers.below(keys.len() - 1);
                let piece = text[keys[first]..keys[first + 1]].to_vec();
                text.splice(keys[first]..keys[first], piece);
            }
        }
        5 => {
            let deep = numbers.one_of(&["[", "{\"a\":"]).repeat(numbers.below(300));
            text.splice(at..at, deep.into_bytes());
        }
        6 => {
            text.splice(at..at, numbers.one_of(&TOKENS).bytes());
        }
        _ => {
            if let Some(byte) = text.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
    }
}

/// A sound file with its texts damaged inside their JSON strings.
fn damage_metadata(header: &[u8], numbers: &mut Numbers) -> Option<Vec<u8>> {
    let mut json: serde_json::Value = serde_json::from_slice(header).ok()?;
    let key = numbers.one_of(&["unet_config", "scheduler_config", "ddpm"]);
    let text = json.get_mut("__metadata__")?.get_mut(key)?;
    let mut damaged = text.as_str()?.as_bytes().to_vec();
    for _ in 0..=numbers.below(3) {
        damage_text(&mut damaged, numbers);
    }
    *text = String::from_utf8_lossy(&damaged).into();
    Some(json.to_string().into_bytes())
}

/// `file` with something wrong in it.
fn damage(sound: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let header_end = 8 + u64::from_le_bytes(sound[..8].try_into().unwrap()) as usize;
    let (header, data) = (&sound[8..header_end], &sound[header_end..]);
    match numbers.below(10) {
        0 => sound[..numbers.below(sound.len())].to_vec(),
        1 => {
            let mut bytes = sound.to_vec();
            for _ in 0..=numbers.below(6) {
                let at = numbers.below(bytes.len());
                bytes[at] ^= 1 << numbers.below(8);
            }
            bytes
        }
        2 => {
            let mut bytes = sound.to_vec();
            let length = match numbers.below(4) {
                0 => numbers.next(),
                1 => numbers.next() >> numbers.below(64),
                2 => numbers.below(2 * bytes.len()) as u64,
                _ => (header.len() as u64).wrapping_add(numbers.next() % 5).wrapping_sub(2),
            };
            bytes[..8].copy_from_slice(&length.to_le_bytes());
            bytes
        }
        3 => {
            let mut bytes = sound.to_vec();
            let at = numbers.below(bytes.len());
            bytes.splice(at..at, vec![0xff; numbers.below(40)]);
            bytes
        }
        4..=6 => file(&damage_metadata(header, numbers).expect("the sound file's header is JSON"), data),
        _ => {
            let mut text = header.to_vec();
            for _ in 0..=numbers.below(3) {
                damage_text(&mut text, numbers);
            }
            file(&text, data)
        }
    }
}

/// Reads a copy of `bytes` and every tensor, one at a time, within the memory allowed.
#[track_caller]
fn read_within_bounds(bytes: &[u8], what: impl Fn() -> String) -> Result<()> {
    let read = || -> Result<()> {
        let checkpoint = Checkpoint::from_bytes(bytes.to_vec())?;
        for name in checkpoint.weights.names() {
            assert!(checkpoint.weights.get(name)?.iter().all(|value| value.is_finite()));
        }
        Ok(())
    };
    let (result, held) = most_held(|| catch_unwind(AssertUnwindSafe(read)));
    let result = result.unwrap_or_else(|_| panic!("{} panicked", what()));
    assert!(allowed(bytes.len(), held), "{}: {held} bytes held for a file of {}", what(), bytes.len());
    if let Err(error) = &result {
        let sentence = error.to_string();
        assert!(!sentence.contains('\n') && sentence.len() < 800, "{}: {sentence}", what());
    }
    result
}

#[test]
fn ten_thousand_damaged_files_are_read_or_refused() {
    let sound_files = [sound(Precision::F32), sound(Precision::F16)];
    let (mut accepted, mut sentences) = (0, BTreeSet::new());
    for seed in 0..10_000u64 {
        let mut numbers = Numbers(seed);
        let bytes = damage(&sound_files[(seed % 2) as usize], &mut numbers);
        match read_within_bounds(&bytes, || format!("damaged file {seed}")) {
            Ok(()) => {
                accepted += 1;
                let independent = safetensors::SafeTensors::deserialize(&bytes);
                assert!(independent.is_ok(), "damaged file {seed} is accepted here and refused elsewhere");
            }
            // The words without the numbers.
            Err(error) => {
                sentences.insert(error.to_string().replace(|c: char| c.is_ascii_digit(), ""));
            }
        }
    }
    println!(
        "{accepted} of 10000 damaged files were still sound, the others refused in {} sentences",
        sentences.len()
    );
    assert!((200..6000).contains(&accepted), "{accepted} accepted");
    assert!(sentences.len() > 300, "the damage reaches {} sentences only", sentences.len());
}

#[test]
fn large_files_that_are_all_header_stay_within_bounds() {
    let config = serde_json::to_string(CONFIG).unwrap();
    let pieces: [(&str, &str, &str, usize); 12] = [
        (
            "tensors without elements",
            "{",
            "\"N\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},",
            40,
        ),
        ("keys without values", "{", "\"N\":0,", 6),
        ("brackets", "{\"a\":", "[", 1),
        ("braces", "{\"a\":", "{\"a\":", 5),
        ("a long shape", "{\"a\":{\"shape\":[", "1,", 2),
        ("a long dtype", "{\"a\":{\"dtype\":\"", "\\n", 2),
        ("a long name", "{\"", "\\u00e9", 6),
        ("much metadata", "{\"__metadata__\":{", "\"N\":\"\",", 7),
        ("a long text", "{\"__metadata__\":{\"unet_config\":\"", "\\u00e9", 6),
        ("a text of numbers", "{\"__metadata__\":{\"unet_config\":\"[", "1,", 2),
        ("a text of lists", "{\"__metadata__\":{\"unet_config\":\"[", "[1],", 4),
        (
            "a text of maps",
            "{\"__metadata__\":{\"ddpm\":\"{\\\"format\\\":1,\\\"card\\\":[",
            "{\\\"a\\\":1},",
            9,
        ),
    ];
    for (what, start, piece, unit) in pieces {
        for length in [1 << 10, 1 << 13, 60 << 10, 300 << 10, 3 << 20] {
            for data in [0, 4 * length] {
                let mut header = start.to_owned();
                for number in 0..length / unit {
                    header.push_str(&piece.replace('N', &number.to_string()));
                }
                let cut = header.len() - usize::from(header.ends_with(','));
                header.truncate(cut);
                for end in ["", "}", "\"}", "]\"}}", "]}\",\"unet_config\":CONFIG}}"] {
                    let whole = header.clone() + &end.replace("CONFIG", &config);
                    let bytes = file(whole.as_bytes(), &vec![0; data]);
                    let _ = read_within_bounds(&bytes, || {
                        format!("{what}, {length} bytes of it, before {end:?}")
                    });
                }
            }
        }
    }
}

#[test]
fn large_sound_files_stay_within_bounds() {
    for precision in [Precision::F32, Precision::F16] {
        let mut checkpoint = Checkpoint::from_bytes(sound(precision)).unwrap();
        let tensor = (vec![1000, 1500], vec![0.5; 1_500_000]);
        checkpoint.weights = Weights::from_f32(BTreeMap::from([("a".to_owned(), tensor)])).unwrap();
        read_within_bounds(&checkpoint.to_bytes(precision).unwrap(), || "a sound file".into()).unwrap();
    }
}

#[test]
fn the_allocator_counts_and_the_bound_can_be_exceeded() {
    let (_, held) = most_held(|| drop(vec![1u8; 5 << 20]));
    assert!((5 << 20..6 << 20).contains(&held), "{held}");
    assert!(allowed(2 << 20, held) && !allowed(1 << 20, held));
    let (_, held) = most_held(|| {
        let mut grown = vec![1u8; 1000];
        grown.reserve_exact(2000);
        grown.len()
    });
    assert!((3000..5000).contains(&held), "{held}");
    let (_, held) = most_held(|| std::thread::spawn(|| vec![1u8; 1 << 20].len()).join().unwrap());
    assert!(held < 1 << 18, "{held}: another thread's memory is not this one's");
}
