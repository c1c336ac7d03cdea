//! How large and how far apart a verb's pictures are in what it writes.

use ddpm::picture::Grid;

#[derive(clap::Args)]
pub struct LayoutArgs {
    /// Each pixel becomes N x N of them.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    scale: u32,

    /// Pixels between two pictures, before scaling.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=64))]
    gap: u32,
}

impl LayoutArgs {
    /// `grid` with this scale and gap.
    pub fn of(&self, grid: Grid) -> Grid {
        Grid { gap: self.gap, scale: self.scale, ..grid }
    }
}
