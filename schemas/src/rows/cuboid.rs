//! Standing breakdowns, and the cells that they are made of.

use serde::{Deserialize, Serialize};

/// Stands for every value beyond a cap.
pub const OTHER: &str = "__other__";

/// The dimensions a cuboid can be broken down by. `None` is unknown, shown as `unknown`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// Content id (`cid`).
    pub content: Option<String>,
    /// Edge that served the newest request of the session.
    pub edge: Option<String>,
    /// Encoder pipeline whose copy was served.
    pub pipeline: Option<String>,
    /// Selected rendition, such as `600 kbps` (from `br`).
    pub rendition: Option<String>,
    /// Country, as the player claims it or by its address.
    pub country: Option<String>,
    /// Device, as the player claims it or by its request.
    pub device: Option<String>,
    /// Player with its version.
    #[serde(default)]
    pub player: Option<String>,
    /// Operating system with its version.
    #[serde(default)]
    pub os: Option<String>,
    /// Autonomous system of the viewer's network.
    #[serde(default)]
    pub asn: Option<u32>,
}

/// A standing breakdown: which dimensions, in panes of what width (ADR 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuboid {
    /// By content, 1 s.
    Content,
    /// By content × edge × pipeline, 1 s.
    Delivery,
    /// By content × rendition, 10 s.
    Rendition,
    /// By content × country × device, 10 s.
    Audience,
    /// By edge × autonomous system, 10 s.
    Network,
    /// By player × operating system, 10 s.
    Client,
}

impl Cuboid {
    /// Every standing cuboid.
    pub const ALL: [Cuboid; 6] = [
        Cuboid::Content,
        Cuboid::Delivery,
        Cuboid::Rendition,
        Cuboid::Audience,
        Cuboid::Network,
        Cuboid::Client,
    ];

    /// Pane width, seconds.
    pub fn width_s(self) -> u32 {
        match self {
            Cuboid::Content | Cuboid::Delivery => 1,
            Cuboid::Rendition | Cuboid::Audience | Cuboid::Network | Cuboid::Client => 10,
        }
    }

    /// Pane width, microseconds.
    pub fn width_us(self) -> i64 {
        i64::from(self.width_s()) * 1_000_000
    }

    /// `cell` with only this cuboid's dimensions left.
    pub fn project(self, cell: &Cell) -> Cell {
        let mut out = Cell::default();
        if !matches!(self, Cuboid::Network | Cuboid::Client) {
            out.content.clone_from(&cell.content);
        }
        match self {
            Cuboid::Content => {}
            Cuboid::Delivery => {
                out.edge.clone_from(&cell.edge);
                out.pipeline.clone_from(&cell.pipeline);
            }
            Cuboid::Rendition => out.rendition.clone_from(&cell.rendition),
            Cuboid::Audience => {
                out.country.clone_from(&cell.country);
                out.device.clone_from(&cell.device);
            }
            Cuboid::Network => {
                out.edge.clone_from(&cell.edge);
                out.asn = cell.asn;
            }
            Cuboid::Client => {
                out.player.clone_from(&cell.player);
                out.os.clone_from(&cell.os);
            }
        }
        out
    }
}
