//! A GIF's blocks (GIF89a), all with palettes of 256 colours.

use super::lzw;

/// Red, green and blue of each colour.
pub(super) type Palette = [u8; 3 * 256];

/// Bits of a pixel.
const BITS: u8 = 8;
/// Most bytes of a block of compressed pixels.
const BLOCK: usize = 255;

/// A GIF being written, which plays again and again.
pub(super) struct Gif {
    bytes: Vec<u8>,
    size: [u16; 2],
}

impl Gif {
    /// A GIF without frames of `size` (width, height); `palette` is that of the frames that bring none.
    pub(super) fn new(size: [u16; 2], palette: Option<&Palette>) -> Self {
        let mut gif = Self { bytes: b"GIF89a".to_vec(), size };
        gif.put_size();
        // How many bits a colour had; whether a palette follows, and its length 2^(7 + 1); background; pixels are square.
        gif.bytes.extend([0x70 | if palette.is_some() { 0x87 } else { 0 }, 0, 0]);
        gif.bytes.extend(palette.into_iter().flatten());
        gif.bytes.extend(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0");
        gif
    }

    /// Adds a frame of the GIF's size, `indices` into its palette or the GIF's, shown for `hundredths` of a second.
    pub(super) fn push(&mut self, palette: Option<&Palette>, indices: &[u8], hundredths: u16) {
        // What follows stays until the next frame covers it.
        self.bytes.extend([0x21, 0xf9, 4, 1 << 2]);
        self.bytes.extend(hundredths.to_le_bytes());
        self.bytes.extend([0, 0]);

        self.bytes.extend([0x2c, 0, 0, 0, 0]);
        self.put_size();
        self.bytes.push(if palette.is_some() { 0x87 } else { 0 });
        self.bytes.extend(palette.into_iter().flatten());

        self.bytes.push(BITS);
        for block in lzw::compress(indices).chunks(BLOCK) {
            self.bytes.push(block.len() as u8);
            self.bytes.extend(block);
        }
        self.bytes.push(0);
    }

    fn put_size(&mut self) {
        self.bytes.extend(self.size.into_iter().flat_map(u16::to_le_bytes));
    }

    /// The bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0x3b);
        self.bytes
    }
}
