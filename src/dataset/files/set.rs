//! Sets of pictures to measure, as they are: one after the other, not resampled, not cropped.

use std::path::{Path, PathBuf};

use super::npz::Npz;
use super::{LoadOptions, Source, Split, decode, folder, refused};
use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// Pictures of one size, RGB; what is grey has three equal channels.
#[derive(Debug)]
pub struct PictureSet {
    name: String,
    size: [u32; 2],
    pictures: Pictures,
}

#[derive(Debug)]
enum Pictures {
    /// These files.
    Files(Vec<PathBuf>),
    /// An array in this file.
    Npz(PathBuf, Npz),
    /// Of a data set with a name.
    Dataset(Dataset),
}

impl PictureSet {
    /// Opens `name`: `fashion-mnist`, `mnist` or `cifar10` (the test split, its files in `data` or a usual place), an .npz
    /// file ([`npz`](super::npz)), or a folder with pictures, sub-folders too. Each picture of the latter two is read
    /// when its turn comes.
    ///
    /// # Errors
    /// If there is none, or not of one shape as far as that is seen.
    pub fn open(name: &str, data: Option<&Path>) -> Result<Self> {
        let named = name.parse::<Source>().ok().filter(|source| !matches!(source, Source::Folder(_)));
        let path = Path::new(name.strip_prefix("folder:").unwrap_or(name));
        let is_npz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
        let (size, pictures) = if let Some(source) = named {
            let options = LoadOptions {
                split: Split::Test,
                data: data.map(Path::to_owned),
                channels: Some(3),
                ..LoadOptions::default()
            };
            let dataset = super::load(&source, &options, &mut |_, _| {})?.dataset;
            let [_, height, width] = dataset.shape();
            ([height, width], Pictures::Dataset(dataset))
        } else if is_npz && !path.is_dir() {
            let npz = Npz::open(path)?;
            (npz.size(), Pictures::Npz(path.to_owned(), npz))
        } else if path.is_dir() {
            let paths = folder::paths(path)?;
            (decode::picture(&paths[0])?.size, Pictures::Files(paths))
        } else {
            let expected = "a folder of pictures, an .npz file, fashion-mnist, mnist or cifar10";
            return Err(refused(path, expected, if path.exists() { "another file" } else { "none" }));
        };
        Ok(Self { name: name.to_owned(), size, pictures })
    }

    /// What it was opened as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// N; one at least.
    pub fn count(&self) -> u64 {
        match &self.pictures {
            Pictures::Files(paths) => paths.len() as u64,
            Pictures::Npz(_, npz) => npz.count(),
            Pictures::Dataset(dataset) => dataset.num_pictures().into(),
        }
    }

    /// H and W.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// Shows the first `count` pictures to `visit`, each `[H, W, 3]`.
    ///
    /// # Errors
    /// If one cannot be read, has another size than the first, or `visit` fails.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn each(&self, count: u64, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        assert!(count <= self.count(), "{count} of {} pictures", self.count());
        match &self.pictures {
            Pictures::Files(paths) => {
                paths.iter().take(count as usize).try_for_each(|path| visit(&self.read(path)?))
            }
            Pictures::Npz(path, npz) => npz.each(path, count, visit),
            Pictures::Dataset(dataset) => (0..count as u32).try_for_each(|ix| {
                let planes = dataset.picture(ix);
                let plane = planes.len() / 3;
                visit(&(0..planes.len()).map(|ix| planes[ix % 3 * plane + ix / 3]).collect::<Vec<u8>>())
            }),
        }
    }

    /// The picture `path`: `[H, W, 3]`.
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let picture = decode::picture(path)?;
        if picture.size != self.size {
            let [[height, width], [found_height, found_width]] = [self.size, picture.size];
            return Err(Error::load(format!(
                "{}: expected {width} x {height} pixels as the first picture of the set has, found {found_width} x \
                 {found_height}",
                path.display()
            )));
        }
        Ok(picture.with_channels(3).pixels)
    }
}
