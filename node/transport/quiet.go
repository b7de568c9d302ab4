package transport

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/gologshim"
)

// libraryLog is where libp2p logs to: one place for the whole process, that can be
// set only before its first word. Warnings and errors go on to the host made last, as
// debug messages, since they are about single connections and addressed to
// programmers. Without a host they go nowhere.
type libraryLog struct {
	attrs []slog.Attr
}

var libraryHeard atomic.Pointer[slog.Handler]

var hushLibrary = sync.OnceFunc(func() {
	gologshim.SetDefaultHandler(libraryLog{})
	// QUIC would print a remark on the size of the system's buffers.
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
})

// tapLibrary sends libp2p's words to log, until end or the next call.
func tapLibrary(log *slog.Logger) (end func() error) {
	hushLibrary()
	handler := log.Handler()
	libraryHeard.Store(&handler)
	return func() error {
		libraryHeard.CompareAndSwap(&handler, nil)
		return nil
	}
}

func (libraryLog) Enabled(ctx context.Context, level slog.Level) bool {
	h := libraryHeard.Load()
	return h != nil && level >= slog.LevelWarn && (*h).Enabled(ctx, slog.LevelDebug)
}

func (l libraryLog) Handle(ctx context.Context, r slog.Record) error {
	h := libraryHeard.Load()
	if h == nil {
		return nil
	}
	r = r.Clone()
	r.AddAttrs(l.attrs...)
	r.Level = slog.LevelDebug
	return (*h).Handle(ctx, r)
}

func (l libraryLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return libraryLog{attrs: append(slices.Clip(l.attrs), attrs...)}
}

func (l libraryLog) WithGroup(string) slog.Handler { return l } // libp2p has no groups
