//! States of a task and the small enums stored beside them. The numbers are those of the contract and of the stored record: frozen.

use tidemill_proto::v1;

macro_rules! stored_enum {
    ($(#[$meta:meta])* $name:ident as $proto:ty { $($(#[$vmeta:meta])* $variant:ident = $number:literal => $pvariant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $number),+ }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Reads the stored number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The value in the contract.
            pub fn to_proto(self) -> $proto {
                match self { $(Self::$variant => <$proto>::$pvariant),+ }
            }
        }
    };
}

stored_enum! {
    /// Where a task stands. The last four are terminal: nobody moves a task out of them, maintenance purges it in the end.
    TaskState as v1::TaskState {
        /// Not before a time, also between retries. Maintenance moves it to QUEUED when it is due.
        Scheduled = 1 => Scheduled,
        /// Ready. A worker leases it for a handler process.
        Queued = 2 => Queued,
        /// Leased. The handler settles it; maintenance reaps it when the lease expires.
        Running = 3 => Running,
        /// Terminal: completed.
        Succeeded = 4 => Succeeded,
        /// Terminal: a dead letter.
        Failed = 5 => Failed,
        /// Terminal: cancelled by a client.
        Cancelled = 6 => Cancelled,
        /// Terminal: not finished in time.
        Expired = 7 => Expired,
    }
}

impl TaskState {
    /// True for the four states that never change.
    pub fn is_terminal(self) -> bool {
        self >= Self::Succeeded
    }

    /// The contract's name without its prefix: `QUEUED`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

stored_enum! {
    /// Why a state event was written.
    Cause as v1::StateCause {
        /// The gateway took it in.
        Enqueued = 1 => Enqueued,
        /// Its time came.
        Due = 2 => Due,
        /// Leased.
        Leased = 3 => Leased,
        /// The attempt failed, another follows.
        Retry = 4 => Retry,
        /// The lease expired, another attempt follows.
        Crashed = 5 => Crashed,
        /// Given back.
        Released = 6 => Released,
        /// Asked to stop by a client.
        CancelRequested = 7 => CancelRequested,
        /// Asked to stop because it expired.
        ExpiryRequested = 8 => ExpiryRequested,
        /// A terminal transition.
        Finished = 9 => Finished,
    }
}

stored_enum! {
    /// Order among ready tasks of one line.
    Priority as v1::Priority {
        /// Last.
        Low = 1 => Low,
        /// The default.
        Normal = 2 => Normal,
        /// Before normal.
        High = 3 => High,
        /// First.
        Urgent = 4 => Urgent,
    }
}
