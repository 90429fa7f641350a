//! Cuboids (precomputed breakdowns) and their cells.

use serde::{Deserialize, Serialize};

/// Replaces every value beyond a cap.
pub const OTHER: &str = "__other__";

/// The dimensions of the cuboids. `None` is unknown, shown as `unknown`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// Content id (`cid`).
    pub content: Option<String>,
    /// Edge that served the newest request of the session.
    pub edge: Option<String>,
    /// Encoder pipeline that produced the served copy.
    pub pipeline: Option<String>,
    /// Selected rendition, such as `600 kbps` (from `br`).
    pub rendition: Option<String>,
    /// Country as claimed by the player, else by its address.
    pub country: Option<String>,
    /// Device as claimed by the player, else by its request.
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

/// A field of [`Cell`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// [`Cell::content`].
    Content,
    /// [`Cell::edge`].
    Edge,
    /// [`Cell::pipeline`].
    Pipeline,
    /// [`Cell::rendition`].
    Rendition,
    /// [`Cell::country`].
    Country,
    /// [`Cell::device`].
    Device,
    /// [`Cell::player`].
    Player,
    /// [`Cell::os`].
    Os,
    /// [`Cell::asn`].
    Asn,
}

/// A precomputed breakdown: its dimensions and pane width (ADR 14).
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
    /// Every cuboid.
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

    /// Its dimensions.
    pub fn dimensions(self) -> &'static [Dimension] {
        use Dimension::{Asn, Content, Country, Device, Edge, Os, Pipeline, Player, Rendition};
        match self {
            Cuboid::Content => &[Content],
            Cuboid::Delivery => &[Content, Edge, Pipeline],
            Cuboid::Rendition => &[Content, Rendition],
            Cuboid::Audience => &[Content, Country, Device],
            Cuboid::Network => &[Edge, Asn],
            Cuboid::Client => &[Player, Os],
        }
    }

    /// `cell` reduced to this cuboid's dimensions.
    pub fn project(self, cell: &Cell) -> Cell {
        let mut out = Cell::default();
        for dimension in self.dimensions() {
            match dimension {
                Dimension::Content => out.content.clone_from(&cell.content),
                Dimension::Edge => out.edge.clone_from(&cell.edge),
                Dimension::Pipeline => out.pipeline.clone_from(&cell.pipeline),
                Dimension::Rendition => out.rendition.clone_from(&cell.rendition),
                Dimension::Country => out.country.clone_from(&cell.country),
                Dimension::Device => out.device.clone_from(&cell.device),
                Dimension::Player => out.player.clone_from(&cell.player),
                Dimension::Os => out.os.clone_from(&cell.os),
                Dimension::Asn => out.asn = cell.asn,
            }
        }
        out
    }
}
