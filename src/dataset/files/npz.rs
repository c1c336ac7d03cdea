//! Pictures in numpy's .npz files, as the tools that measure sample sets exchange them: a zip file whose array `arr_0`
//! is uint8 `[N, H, W, 3]`, and `arr_1`, if there is one, the labels, int64 `[N]` (guided-diffusion's evaluator and the
//! samples it is given).

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::refused;
use crate::error::{Error, Result};

/// What every array's file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The pictures' and the labels' arrays, named as `np.savez` does by itself.
const PICTURES: &str = "arr_0";
const LABELS: &str = "arr_1";
/// An array's data begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// An .npz file of `pixels` (`[N, H, W, 3]`, with `size` H and W) and `labels` (`[N]`), the arrays not compressed.
///
/// # Errors
/// If they are not whole, or the labels are not as many.
pub fn to_bytes(pixels: &[u8], size: [u32; 2], labels: Option<&[u32]>) -> Result<Vec<u8>> {
    let [height, width] = size.map(|side| side as usize);
    let elements = height * width * 3;
    let count = pixels.len().checked_div(elements).unwrap_or(0);
    if count == 0 || count * elements != pixels.len() || labels.is_some_and(|labels| labels.len() != count) {
        return Err(Error::input(format!(
            "expected whole pictures of {width} x {height} x 3 bytes and a label for each or none, found {} bytes and \
             {} labels",
            pixels.len(),
            labels.map_or(0, <[u32]>::len)
        )));
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(pixels.len() + 1024)));
    let written = (|| -> io::Result<Vec<u8>> {
        write_array(&mut zip, PICTURES, "|u1", &[count, height, width, 3], pixels)?;
        if let Some(labels) = labels {
            let bytes: Vec<u8> = labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect();
            write_array(&mut zip, LABELS, "<i8", &[count], &bytes)?;
        }
        Ok(zip.finish()?.into_inner())
    })();
    written.map_err(|error| Error::input(format!("the .npz file cannot be made ({error})")))
}

/// Adds an array (`dtype` as numpy writes it) to `zip`.
fn write_array(
    zip: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    dtype: &str,
    shape: &[usize],
    bytes: &[u8],
) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(u32::try_from(bytes.len()).is_err());
    zip.start_file(format!("{name}.npy"), options)?;
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    // Python's tuple of one has its comma too.
    let comma = if sides.len() == 1 { "," } else { "" };
    let mut header =
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({}{comma}), }}", sides.join(", "));
    let before = MAGIC.len() + 4;
    let padded = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before - 1;
    header.push_str(&" ".repeat(padded - header.len()));
    header.push('\n');
    zip.write_all(MAGIC)?;
    // Version 1.0, whose header's length has two bytes: far more than it takes.
    zip.write_all(&[1, 0])?;
    zip.write_all(&(header.len() as u16).to_le_bytes())?;
    zip.write_all(header.as_bytes())?;
    zip.write_all(bytes)
}

/// An .npz file of pictures, found to be one.
#[derive(Clone, Debug)]
pub(super) struct Npz {
    /// The array's file in the zip file.
    entry: String,
    /// N, H, W, and 1 or 3.
    shape: [u64; 4],
}

impl Npz {
    /// Looks at the array `arr_0` of `path`, or at its only array: uint8 `[N, H, W, 3]`, `[N, H, W, 1]` or `[N, H, W]`.
    pub fn open(path: &Path) -> Result<Self> {
        let mut zip = archive(path)?;
        let names: Vec<&str> = zip.file_names().filter(|name| name.ends_with(".npy")).collect();
        let entry = match names.as_slice() {
            [only] => (*only).to_owned(),
            _ => format!("{PICTURES}.npy"),
        };
        if !names.contains(&entry.as_str()) {
            let mut found: Vec<&str> = names.iter().map(|name| name.trim_end_matches(".npy")).collect();
            found.sort_unstable();
            let found = if found.is_empty() { "no arrays".to_owned() } else { found.join(", ") };
            return Err(refused(path, format_args!("pictures in the array {PICTURES}"), found));
        }
        let unreadable = |error: &dyn fmt::Display| unreadable(path, &entry, error);
        let mut file = zip.by_name(&entry).map_err(|error| unreadable(&error))?;
        let size = file.size();
        let header = Header::read(&mut file).map_err(|error| unreadable(&error))?;
        let expected = "pictures as uint8 [N, H, W, 3]";
        let shape = match *header.shape.as_slice() {
            [n, h, w] => [n, h, w, 1],
            [n, h, w, c @ (1 | 3)] => [n, h, w, c],
            _ => return Err(refused(path, expected, &header)),
        };
        if header.dtype != "|u1" || header.fortran_order || shape[1..].iter().any(|&side| side > 1 << 16) {
            return Err(refused(path, expected, &header));
        }
        let data = shape.iter().try_fold(1, |product: u64, &side| product.checked_mul(side));
        match data.filter(|&data| data > 0) {
            Some(data) if data.checked_add(header.bytes) == Some(size) => Ok(Self { entry, shape }),
            Some(_) => {
                Err(refused(path, format_args!("{header}"), format_args!("{size} bytes with the header")))
            }
            None => Err(refused(path, expected, &header)),
        }
    }

    /// N.
    pub fn count(&self) -> u64 {
        self.shape[0]
    }

    /// H and W.
    pub fn size(&self) -> [u32; 2] {
        // `open` has seen that they fit.
        [self.shape[1] as u32, self.shape[2] as u32]
    }

    /// Shows the first `count` pictures to `visit`: `[H, W, 3]`.
    pub fn each(&self, path: &Path, count: u64, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let unreadable = |error: &dyn fmt::Display| unreadable(path, &self.entry, error);
        let mut zip = archive(path)?;
        let mut file = zip.by_name(&self.entry).map_err(|error| unreadable(&error))?;
        Header::read(&mut file).map_err(|error| unreadable(&error))?;
        let elements: u64 = self.shape[1..].iter().product();
        let mut picture = Vec::new();
        for _ in 0..count {
            picture.clear();
            // Read as it comes: memory is taken for no more than is there.
            let read =
                file.by_ref().take(elements).read_to_end(&mut picture).map_err(|error| unreadable(&error))?;
            if read as u64 != elements {
                return Err(refused(path, format_args!("{} pictures", self.shape[0]), "the end of the file"));
            }
            match self.shape[3] {
                1 => visit(&picture.iter().flat_map(|&grey| [grey; 3]).collect::<Vec<u8>>())?,
                _ => visit(&picture)?,
            }
        }
        Ok(())
    }
}

fn archive(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    let file = File::open(path)
        .map_err(|error| Error::load(format!("{}: cannot be read ({error})", path.display())))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| {
        Error::load(format!("{}: expected an .npz file, a zip file ({error})", path.display()))
    })
}

fn unreadable(path: &Path, entry: &str, error: &dyn fmt::Display) -> Error {
    Error::load(format!("{}: {entry} cannot be read ({error})", path.display()))
}

/// What an array's file says of it.
struct Header {
    /// Bytes before the data.
    bytes: u64,
    /// As numpy writes it: `|u1` is uint8.
    dtype: String,
    fortran_order: bool,
    shape: Vec<u64>,
}

impl Header {
    /// Reads it, and leaves `file` at the data.
    fn read(file: &mut impl Read) -> io::Result<Self> {
        let mut start = [0; 8];
        file.read_exact(&mut start)?;
        let long = start[6] > 1;
        let mut length = [0; 4];
        file.read_exact(&mut length[..if long { 4 } else { 2 }])?;
        let length = u64::from(u32::from_le_bytes(length));
        if start[..6] != *MAGIC || length > 1 << 16 {
            return Err(io::Error::other("it does not begin as an array does"));
        }
        let mut text = String::new();
        file.by_ref().take(length).read_to_string(&mut text)?;
        let bytes = if long { 12 } else { 10 } + length;
        Self::parse(&text, bytes)
            .ok_or_else(|| io::Error::other(format!("its header is {}", text.trim_end())))
    }

    /// Of `text`, a Python dictionary as numpy writes it.
    fn parse(text: &str, bytes: u64) -> Option<Self> {
        let value = |key: &str| {
            let rest = text.split_once(&format!("'{key}'"))?.1;
            Some(rest.trim_start().strip_prefix(':')?.trim_start())
        };
        let dtype = value("descr")?.strip_prefix('\'')?.split_once('\'')?.0.to_owned();
        let shape = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
        Some(Self {
            bytes,
            dtype,
            fortran_order: value("fortran_order")?.starts_with("True"),
            shape: sides.map(|side| side.parse().ok()).collect::<Option<_>>()?,
        })
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dtype = if self.dtype == "|u1" { "uint8" } else { &self.dtype };
        let order = if self.fortran_order { " in Fortran's order" } else { "" };
        write!(f, "{dtype} {:?}{order}", self.shape)
    }
}
