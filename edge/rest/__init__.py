"""The REST door and the pages. Imports `identity`, the router and `wire`; of `ws` only the frames."""
