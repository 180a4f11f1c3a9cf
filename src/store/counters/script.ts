// The scripts that Redis runs: everything of one request is counted in one step, by the clock of Redis.

/** Numbers that follow each other in the arguments of `COUNT`, for each window. */
export interface WindowArguments {
  /** -1: counted whatever there is. */
  below: number;
  amount: number;
  /** One of these two is 0. */
  lasts: number;
  until: number;
  /** The window that the amount corrects, or 0. */
  of: number;
  /** What an earlier run of Redis told of the window, which this one may have forgotten: its end (0: nothing) and its count. */
  knownUntil: number;
  known: number;
  /** What was counted here while Redis was away, in the window that ends at `carriedUntil`. */
  carried: number;
  carriedUntil: number;
}

const ORDER = ["below", "amount", "lasts", "until", "of", "knownUntil", "known", "carried", "carriedUntil"] as const;

/** The arguments in the order in which the script reads them. */
export function listOf(window: WindowArguments): string[] {
  return ORDER.map((name) => String(window[name]));
}

/**
 * Keys: windows, then sets of places. Arguments: how long a place is held without a sign of life, the run of this Redis process,
 * the number of windows, nine numbers for each window, then for each set `below` (-1: free the place) and the id of the place (empty: only read).
 * Of each window are kept its count, its end, and how much of the count is from before the run that is named.
 * Answer: now, 1 when it fits, the counts, the ends of their windows, how many places are held.
 */
export const COUNT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lease, run, windows = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local counts, ends, bases, changed, held, fits = {}, {}, {}, {}, {}, 1
local function argument(window, name) return tonumber(ARGV[3 + (window - 1) * ${ORDER.length} + name]) end
for i = 1, windows do
  local kept = redis.call('HMGET', KEYS[i], 'count', 'until', 'base', 'run')
  local count, ends_at, base = tonumber(kept[1] or 0), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
  if ends_at <= now then count, ends_at, base = 0, 0, 0
  -- Redis was started anew: this is what it had kept.
  elseif kept[4] ~= run then base = count end
  local known_until, known = argument(i, 6), argument(i, 7)
  -- Of two windows that both go on, the earlier one is true: the later began after Redis forgot.
  if known_until > now and (ends_at == 0 or known_until <= ends_at) then
    ends_at, changed[i] = known_until, true
    if known > base then count, base = count + known - base, known end
  end
  local carried, carried_until = argument(i, 8), argument(i, 9)
  if carried ~= 0 and carried_until > now then
    if ends_at == 0 then ends_at = carried_until end
    count, changed[i] = math.max(0, count + carried), true
  end
  local below = argument(i, 1)
  if below >= 0 and count >= below then fits = 0 end
  counts[i], ends[i], bases[i] = count, ends_at, base
end
for j = windows + 1, #KEYS do
  local below = tonumber(ARGV[3 + windows * ${ORDER.length} + (j - windows - 1) * 2 + 1])
  redis.call('ZREMRANGEBYSCORE', KEYS[j], '-inf', now)
  held[j - windows] = redis.call('ZCARD', KEYS[j])
  if below >= 0 and held[j - windows] >= below then fits = 0 end
end
for i = 1, windows do
  local amount, of = argument(i, 2), argument(i, 5)
  if amount < 0 and (ends[i] == 0 or (of ~= 0 and of ~= ends[i])) then amount = 0 end
  if fits == 1 and amount ~= 0 then
    if ends[i] == 0 then
      local lasts = argument(i, 3)
      ends[i] = lasts > 0 and now + lasts or argument(i, 4)
    end
    counts[i], changed[i] = math.max(0, counts[i] + amount), true
  end
  if changed[i] then
    redis.call('HSET', KEYS[i], 'count', counts[i], 'until', ends[i], 'base', bases[i], 'run', run)
    redis.call('PEXPIREAT', KEYS[i], ends[i])
  end
end
for j = windows + 1, #KEYS do
  local at = 3 + windows * ${ORDER.length} + (j - windows - 1) * 2
  local below, id = tonumber(ARGV[at + 1]), ARGV[at + 2]
  if fits == 1 and id ~= '' then
    if below < 0 then redis.call('ZREM', KEYS[j], id)
    else
      redis.call('ZADD', KEYS[j], now + lease, id)
      redis.call('PEXPIRE', KEYS[j], lease)
    end
    held[j - windows] = redis.call('ZCARD', KEYS[j])
  end
end
return {now, fits, counts, ends, held}`;

/** Keys: sets of places. Arguments: how long a place is held, then for each set the number of ids and the ids. */
export const RENEW = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lease, at = tonumber(ARGV[1]), 2
for j = 1, #KEYS do
  local size = tonumber(ARGV[at])
  for k = at + 1, at + size do redis.call('ZADD', KEYS[j], now + lease, ARGV[k]) end
  redis.call('PEXPIRE', KEYS[j], lease)
  at = at + size + 1
end
return now`;

export type CountAnswer = [now: number, fits: number, counts: number[], ends: number[], held: number[]];
