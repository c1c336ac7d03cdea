//! `ddpm sample`: the same pictures however they are asked for, in every form they are written.

use ddpm::picture::to_byte;

use super::super::compare::assert_max_abs;
use super::Scratch;

const SHORT: &str = "--sampler ddim --steps 3";

/// A PNG's size, channels and bytes, and its texts.
fn png(bytes: &[u8]) -> ([u32; 3], Vec<u8>, Vec<(String, String)>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let frame = reader.next_frame(&mut pixels).expect("pixels");
    let texts =
        reader.info().utf8_text.iter().map(|text| (text.keyword.clone(), text.get_text().expect("a text")));
    ([frame.width, frame.height, frame.color_type.samples() as u32], pixels, texts.collect())
}

#[test]
fn a_grid_is_a_png_of_the_pictures_and_the_same_bytes_again() {
    let scratch = Scratch::new("grid", &["grey28"]);
    let said = scratch
        .succeed(&format!("sample --model grey28 --count 3 {SHORT} --out a.png --tensors a.safetensors"));
    assert!(
        said.starts_with("3 pictures in ") && said.contains("a.png") && said.lines().count() == 1,
        "{said}"
    );
    scratch.succeed(&format!("sample --model grey28 --count 3 {SHORT} --out b.png --tensors b.safetensors"));
    assert!(scratch.read("a.png") == scratch.read("b.png"), "the grids differ");
    assert!(scratch.read("a.safetensors") == scratch.read("b.safetensors"), "the tensors differ");

    let (size, pixels, texts) = png(&scratch.read("a.png"));
    assert_eq!(size, [112, 112, 1]);
    for text in [("model", "grey28"), ("seed", "7"), ("sampler", "ddim"), ("steps", "3"), ("eta", "0")] {
        assert!(texts.iter().any(|(keyword, value)| (keyword.as_str(), value.as_str()) == text), "{text:?}");
    }
    let (shape, pictures) = scratch.tensor("a.safetensors", "pictures");
    assert_eq!(shape, [3, 1, 28, 28]);
    assert!(pictures.iter().all(|x| (-1.0..=1.0).contains(x)));
    for (place, pixel) in pixels.iter().enumerate() {
        let (x, y) = (place % 112, place / 112);
        let picture = x / 56 + 2 * (y / 56);
        let wanted = pictures.get((picture * 28 + y % 56 / 2) * 28 + x % 56 / 2).copied();
        assert_eq!(*pixel, wanted.map_or(0, to_byte), "pixel {x}, {y}");
    }
}

#[test]
fn batches_do_not_change_the_pictures() {
    let scratch = Scratch::new("batches", &["grey28"]);
    let sample = |what: &str, file: &str| {
        scratch.succeed(&format!(
            "sample --model grey28 {SHORT} --eta 1 --seed 90000000000 {what} --tensors {file}"
        ));
        scratch.tensor(file, "pictures").1
    };
    let whole = sample("--count 3", "whole.safetensors");
    let in_two = sample("--count 3 --batch 2", "in_two.safetensors");
    assert_max_abs("batch 2 + 1", &in_two, &whole, 1e-4);
    let last = sample("--count 1 --first-sample 2", "last.safetensors");
    assert_max_abs("picture 2 alone", &last, &whole[2 * 784..], 1e-4);
    assert!(super::super::compare::max_abs(&whole[..784], &last) > 0.1, "all pictures are the same");
    assert!(!scratch.0.join("grid.png").exists(), "a grid that nobody asked for");
}

#[test]
fn a_film_ends_with_the_grid() {
    let scratch = Scratch::new("film", &["grey28"]);
    let line = "sample --model grey28 --steps 5 --count 3 --batch 2 --scale 1 --gap 1 --trajectory film.gif --out grid.png";
    scratch.succeed(line);
    let (size, grid, _) = png(&scratch.read("grid.png"));
    assert_eq!(size, [57, 57, 1]);
    let film = scratch.read("film.gif");
    let mut decoder = gif::DecodeOptions::new().read_info(film.as_slice()).expect("a GIF");
    assert_eq!((decoder.width(), decoder.height()), (57, 57));
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().expect("a frame") {
        frames.push((frame.delay, frame.buffer.to_vec()));
    }
    // x_T and what each of the five steps leads to.
    assert_eq!(frames.len(), 6);
    let (delay, last) = frames.last().expect("a frame");
    assert_eq!(*last, grid, "the last frame is the grid");
    assert!(*delay > 10 * frames[0].0, "the last frame is held");
    assert_ne!(frames[0].1, grid);
}

#[test]
fn a_packed_model_samples_a_class_by_name() {
    let scratch = Scratch::new("classes", &["classes16"]);
    let rows =
        ddpm::checkpoint::folder::load(scratch.0.join("classes16")).expect("a model").unet.num_class_embeds;
    let rows = rows.expect("classes");
    let names: Vec<String> = (0..rows).map(|label| format!("Class{label}")).collect();
    let last = rows - 1;
    scratch.succeed(&format!(
        "pack --model classes16 --precision f32 --class-names {} --null-class {last} --out packed.safetensors",
        names.join(",")
    ));
    let sample = |what: &str, file: &str| {
        scratch.succeed(&format!(
            "sample {what} --count 2 {SHORT} --size 24x16 --tensors {file} --out {file}.png"
        ));
        let (shape, pictures) = scratch.tensor(file, "pictures");
        assert_eq!(shape, [2, 3, 16, 24]);
        assert_eq!(png(&scratch.read(&format!("{file}.png"))).0, [96, 32, 3]);
        pictures
    };
    let by_name = sample("--model packed.safetensors --label class1 --guidance 2.5", "named.safetensors");
    let by_number = sample(
        &format!("--model classes16 --null-class {last} --label 1 --guidance 2.5"),
        "numbered.safetensors",
    );
    assert_eq!(by_name, by_number);
    let unguided = sample("--model classes16 --label 1", "unguided.safetensors");
    assert_ne!(by_name, unguided);
}
