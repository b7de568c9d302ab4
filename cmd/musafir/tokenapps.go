package main

import (
	"bytes"
	"log/slog"
	"sync"

	"musafir/node/api"
)

// An appReader gives a running daemon the apps that have a token.
type appReader struct {
	dir string
	log *slog.Logger

	mu   sync.Mutex
	text []byte    // of the file, as it was last
	apps []api.App // in it
	told string    // the trouble that the log has told of, "" for none
}

// read reads the file at each request, as tokenOf does, and takes it apart where it is
// another. One that is damaged lets no app in, and the log says so once.
func (r *appReader) read() []api.App {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, err := appTokensText(r.dir)
	if len(text) > 0 && bytes.Equal(text, r.text) && r.told == "" {
		return r.apps
	}
	r.text, r.apps = text, nil
	var f *tokenFile
	if err == nil {
		f, err = openAppTokens(r.dir, text)
	}
	if r.tell(err); err == nil {
		r.apps = appsOf(f)
	}
	return r.apps
}

func appsOf(f *tokenFile) []api.App {
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
	if text != "" && text != r.told {
		r.log.Warn("tokens of apps cannot be read", "error", err)
	}
	r.told = text
}
