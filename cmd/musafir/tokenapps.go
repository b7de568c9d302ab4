package main

import (
	"log/slog"
	"sync"

	"musafir/node/api"
)

// An appReader gives a running daemon the apps that have a token.
type appReader struct {
	dir string
	log *slog.Logger

	mu   sync.Mutex
	told string // the trouble that the log has told of, "" for none
}

// read reads the file at each request, as tokenOf does. One that is damaged lets no
// app in, and the log says so once.
func (r *appReader) read() []api.App {
	f, err := readAppTokens(r.dir)
	r.tell(err)
	if err != nil {
		return nil
	}
	apps := make([]api.App, len(f.Tokens))
	for i, t := range f.Tokens {
		apps[i] = api.App{Hash: t.Hash, ReadOnly: t.Scope == scopeRead, Origin: t.Origin}
	}
	return apps
}

func (r *appReader) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if text != "" && text != r.told {
		r.log.Warn("tokens of apps cannot be read", "error", err)
	}
	r.told = text
}
