//! The comparator of errors.

use ddpm::error::Error;

/// Why `error` is not one sentence with all of `words`, if it is not.
fn complaint(error: &Error, words: &[&str]) -> Option<String> {
    let sentence = error.to_string();
    let missing = words.iter().find(|word| !sentence.contains(**word));
    if let Some(word) = missing {
        return Some(format!("{word:?} is not in: {sentence}"));
    }
    let whole = !sentence.contains('\n') && !sentence.ends_with('.') && sentence.len() < 600;
    (!whole).then(|| format!("not one sentence: {sentence}"))
}

/// Asserts that `result` is an error of one sentence with all of `words`.
#[track_caller]
pub fn assert_refused<T>(result: Result<T, Error>, words: &[&str]) {
    match result {
        Ok(_) => panic!("expected an error with {words:?}"),
        Err(error) => {
            if let Some(complaint) = complaint(&error, words) {
                panic!("{complaint}");
            }
        }
    }
}

#[test]
fn the_comparator_of_sentences_sees_wrong_ones() {
    let error = |text: &str| Error::load(text);
    assert!(complaint(&error("act_fn: expected silu, found gelu"), &["act_fn", "gelu"]).is_none());
    assert!(complaint(&error("act_fn: expected silu, found gelu"), &["mid_block_type"]).is_some());
    assert!(complaint(&error("act_fn: expected\nsilu"), &["act_fn"]).is_some());
    assert!(complaint(&error(&"act_fn".repeat(200)), &["act_fn"]).is_some());
}
