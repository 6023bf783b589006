// Tic-tac-toe as pure functions. When a game is over the next begins at once.

const LINES = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]]
const EMPTY = Array(9).fill(null)

export const opened = () => ({ number: 1, board: EMPTY, turn: { number: 1, seat_index: 0 } })

/** The state after an action of a seat, and the events; or the code of a refusal. */
export function play(state, seat, { move, cell, turn }) {
  if (turn !== state.turn.number) return 'stale_turn'
  if (seat !== state.turn.seat_index) return 'not_your_turn'
  if (move !== 'mark' || state.board[cell] !== null) return 'illegal_move'
  const board = state.board.with(cell, seat)
  const number = state.turn.number + 1
  const events = [{ kind: 'player_action', seat_index: seat, move, cell }]
  const line = LINES.find((line) => line.every((each) => board[each] === seat))
  if (!line && board.includes(null)) {
    return { state: { number: state.number, board, turn: { number, seat_index: 1 - seat } }, events }
  }
  const first = state.number % 2
  events.push({ kind: 'game_complete', winner: line ? seat : null, line: line ?? [] })
  events.push({ kind: 'game_started', number: state.number + 1, first })
  return { state: { number: state.number + 1, board: EMPTY, turn: { number, seat_index: first } }, events }
}
