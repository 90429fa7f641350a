//! Questions about sessions as they are now.

use tallylight_schemas::session::SessionRow;

use super::columns::{Dimension, OpenColumns};
use super::epoch::Epoch;
use super::store::Sessions;

impl Sessions {
    /// Sessions of a tenant (and a sid), open ones first, then by newest record.
    pub fn rows(&self, tenant: &str, sid: Option<&str>, limit: usize) -> Vec<SessionRow> {
        let matches =
            |epoch: &&Epoch| &**epoch.tenant() == tenant && sid.is_none_or(|sid| epoch.sid.is(sid));
        let place = |epoch: &Epoch| {
            let now = epoch.timeline.now();
            (!now.is_open(), -now.last_seen())
        };
        let mut found: Vec<((bool, i64), &Epoch)> =
            self.slots.all().filter(matches).map(|epoch| (place(epoch), epoch)).collect();
        let order = |(a_place, a): &((bool, i64), &Epoch), (b_place, b): &((bool, i64), &Epoch)| {
            let name = |epoch: &Epoch| (epoch.sid.text(), epoch.kin().number);
            let rest = || name(a).cmp(&name(b));
            a_place.cmp(b_place).then_with(rest)
        };
        // Of a million the requested ones are selected first, and only these are sorted.
        if limit < found.len() {
            found.select_nth_unstable_by(limit, order);
            found.truncate(limit);
        }
        found.sort_unstable_by(order);
        found.into_iter().map(|(_, epoch)| epoch.row(&self.words)).collect()
    }

    /// Columns of a tenant's open sessions.
    pub fn open_columns(&self, tenant: &str, asked: &[Dimension]) -> OpenColumns {
        self.slots.columns().read(tenant, asked, &self.words)
    }

    /// Rows of `many` open sessions of a tenant from a place on, and the place to continue from.
    pub fn open_rows(
        &self,
        tenant: &str,
        from: u32,
        many: usize,
    ) -> (Vec<SessionRow>, Option<u32>) {
        let mut open = self.slots.columns().open(tenant, from);
        let epochs = open.by_ref().take(many).filter_map(|slot| self.slots.get(slot));
        let rows = epochs.map(|epoch| epoch.row(&self.words)).collect();
        (rows, open.next())
    }
}
