/** The answers of /api/admin: edge/rest/admin_api.py. Types alone: no page loads this. */

export interface PlacedRoom {
  id: string;
  code: string;
  name: string;
  game: string;
  status: string;
  seq: number;
  members: number;
  actor: string | null;
  node: string | null;
  pid: number | null;
  epoch: number;
  updated_at: string;
}
export interface PlacedRooms {
  rooms: PlacedRoom[];
  total: number;
}

export interface RoomActorRow {
  name: string;
  node: string;
  pid: number;
  address: string;
  capacity: number;
  rooms: number;
  silent: boolean;
  suspect: boolean;
  draining: boolean;
  started_at: string;
}
export interface RoomActors {
  actors: RoomActorRow[];
  total: number;
}

/** Bytes; `a_day` is null while it is not known. */
export interface TableGrowth {
  name: string;
  bytes: number;
  a_day: number | null;
}
export interface Growth {
  measured_at: string | null;
  database: TableGrowth | null;
  tables: TableGrowth[];
  free: number | null;
  full_in_days: number | null;
}

export interface Durations {
  count: number;
  p50_ms: number | null;
  p99_ms: number | null;
}
/** Of the ten seconds up to each moment of `at`. */
export interface Paces {
  at: string[];
  rows_a_second: number[];
  bytes_a_second: number[];
  commit_p50_ms: (number | null)[];
  commit_p99_ms: (number | null)[];
  load_p50_ms: (number | null)[];
  load_p99_ms: (number | null)[];
}
export interface GamePersistence {
  game: string;
  rows: number;
  bytes: number;
  replays: number;
  repairs: number;
  commits: Durations;
  loads: Durations;
  lately: Paces;
}
export interface Persistence {
  games: GamePersistence[];
}

export interface EdgeHere {
  edge: string;
  sockets: number;
  users: number;
  rooms_followed: number;
  commands: { command: string; outcome: string; count: number }[];
  seconds: number;
}
export interface ConnectedUsers {
  user_id: string;
  display_name: string;
  seen_at: string;
  sockets: { [edge: string]: number };
}
export interface Edges {
  redis: boolean;
  here: EdgeHere;
  edges: { edge: string; beat_at: string }[];
  people: ConnectedUsers[];
  online: number;
}

export interface Participant {
  user_id: string;
  display_name: string;
  standing: string;
  role: string;
  is_host: boolean;
  seat_index: number | null;
}
export interface RoomRecord {
  room: PlacedRoom;
  participants: Participant[];
}

export interface Told {
  kind: string;
  [name: string]: unknown;
}
export interface Logged {
  seq: number;
  epoch: number;
  at: string;
  user_id: string;
  display_name: string;
  command: string;
  events: Told[];
}
export interface LogPage {
  log: Logged[];
}

export interface Rewound {
  seq: number;
  at: string;
  user_id: string | null;
  participants: Participant[];
  view: { [name: string]: unknown };
}

export interface Operator {
  name: string;
  roles: string[];
}
export interface ActAsked {
  act: string;
  room?: string;
  user_id?: string;
  address?: string;
  actor?: string;
  edge?: string;
  text?: string;
  ban?: boolean;
  minutes?: number;
  reason?: string;
  confirm?: string;
}
export interface ActAnswer {
  does: string;
  confirm?: string;
  number?: number;
}
export interface ActList {
  acts: { number: number; at: string; operator: string; act: string; told: ActAsked; outcome: string | null }[];
}
export interface OrderList {
  orders: { kind: string; subject: string; until: string | null; reason: string; operator: string; at: string }[];
}

export interface ErrorReply {
  error: { code: string; message: string; retry_after_ms?: number };
}
