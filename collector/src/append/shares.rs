//! What each tenant holds of the queue, and the rest of its quota.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tallylight_schemas::fates::Reason;

use crate::admit::Caller;
use crate::pure::bucket::Bucket;
use crate::pure::ladder::Standing;
use crate::pure::share::{Held, pressure};
use crate::settings::Settings;

/// Accounts by tenant and write key; there are as many as the settings name.
#[derive(Debug)]
pub(super) struct Shares {
    tenants: FxHashMap<Arc<str>, Tenant>,
    keys: Vec<Option<Bucket>>,
    records: usize,
    bytes: usize,
    /// Sum of the weights of all tenants that hold something.
    active: u32,
    max_records: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Tenant {
    records: usize,
    bytes: usize,
    weight: u32,
    quota: Option<Bucket>,
}

impl Shares {
    pub(super) fn new(settings: &Settings) -> Self {
        // Full at first, whatever the time: a bucket never holds more than a burst.
        let bucket = |rate: &u32| Bucket::new(*rate, 0);
        let tenants = settings.write_keys.values().map(|name| {
            let set = settings.tenants.get(name).cloned().unwrap_or_default();
            let quota = set.records_per_s.as_ref().map(bucket);
            (name.as_str().into(), Tenant { weight: set.weight, quota, ..Tenant::default() })
        });
        let quotas = &settings.key_records_per_s;
        let keys = settings.write_keys.keys().map(|key| quotas.get(key).map(bucket));
        Self {
            tenants: tenants.collect(),
            keys: keys.collect(),
            records: 0,
            bytes: 0,
            active: 0,
            max_records: settings.queue_records,
            max_bytes: settings.queue_bytes,
        }
    }

    /// The caller's standing at this moment, without the current request.
    pub(super) fn standing(&mut self, caller: &Caller, now_us: i64) -> Standing {
        let Some(tenant) = self.tenants.get(&caller.tenant) else { return Standing::CALM };
        let newly = if tenant.records == 0 { tenant.weight } else { 0 };
        let active = self.active.saturating_add(newly);
        let share = |own: usize, all: usize, limit: usize| {
            let held = Held { own: own as u64, all: all as u64, limit: limit as u64 };
            pressure(held, tenant.weight, active)
        };
        let records = share(tenant.records, self.records, self.max_records);
        let bytes = share(tenant.bytes, self.bytes, self.max_bytes);
        let queue = Standing { pressure: records.max(bytes), cause: Reason::Overload };
        let quota = self.quotas(caller).map(|bucket| bucket.pressure(now_us)).max().unwrap_or(0);
        queue.or(Standing { pressure: quota, cause: Reason::Quota })
    }

    /// Reserves room; `false` when the queue has none.
    pub(super) fn take(&mut self, tenant: &Arc<str>, records: usize, bytes: usize) -> bool {
        let sum_records = self.records.saturating_add(records);
        let sum_bytes = self.bytes.saturating_add(bytes);
        if sum_records > self.max_records || sum_bytes > self.max_bytes {
            return false;
        }
        self.hold(tenant, records, bytes);
        true
    }

    /// Adds to what is held, whether there is room or not.
    pub(super) fn hold(&mut self, tenant: &Arc<str>, records: usize, bytes: usize) {
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            let newly = tenant.records == 0 && records > 0;
            self.active = self.active.saturating_add(if newly { tenant.weight } else { 0 });
            tenant.records = tenant.records.saturating_add(records);
            tenant.bytes = tenant.bytes.saturating_add(bytes);
        }
    }

    /// Gives room back.
    pub(super) fn give(&mut self, tenant: &Arc<str>, records: usize, bytes: usize) {
        self.records = self.records.saturating_sub(records);
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            let was_active = tenant.records > 0;
            tenant.records = tenant.records.saturating_sub(records);
            let ends = was_active && tenant.records == 0;
            self.active = self.active.saturating_sub(if ends { tenant.weight } else { 0 });
            tenant.bytes = tenant.bytes.saturating_sub(bytes);
        }
    }

    /// Charges the records that were read to the quotas.
    pub(super) fn charge(&mut self, caller: &Caller, records: u64) {
        self.quotas(caller).for_each(|bucket| bucket.take(records));
    }

    /// Gives back what was charged for records that the log did not take.
    pub(super) fn refund(&mut self, caller: &Caller, records: u64) {
        self.quotas(caller).for_each(|bucket| bucket.give(records));
    }

    /// The quotas of the caller's tenant and of its write key.
    fn quotas(&mut self, caller: &Caller) -> impl Iterator<Item = &mut Bucket> {
        let tenant = self.tenants.get_mut(&caller.tenant).and_then(|t| t.quota.as_mut());
        let key = self.keys.get_mut(caller.key).and_then(Option::as_mut);
        [tenant, key].into_iter().flatten()
    }

    /// Records that hold room in the queue.
    pub(super) fn records(&self) -> i64 {
        i64::try_from(self.records).unwrap_or(i64::MAX)
    }
}
