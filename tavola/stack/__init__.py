"""All of Tavola on one machine: servers from wheels, Ray, edges, as children of one supervisor. Imports `config`,
`games.registry` and `storage`."""
