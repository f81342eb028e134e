export const kind = 'background';

/** The audit log by time, for the entries that are not sealed yet. A BRIN index costs an insertion almost nothing. */
export const indexes = [
  { name: 'audit_log_at', table: 'audit_log', as: 'using brin (at) with (pages_per_range = 16, autosummarize = on)' },
];
