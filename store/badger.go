package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Sizes of the database, small enough for a tablet with 2 GB: the builders of
// Badger's tables, not its memtables, decide what it takes (measured).
const (
	memTableBytes   = 4 << 20
	baseTableBytes  = 512 << 10
	blockBytes      = 16 << 10
	blockCacheBytes = 16 << 20
	indexCacheBytes = 16 << 20
	inlineMaxBytes  = 600 << 10 // values stay inline: the value log can return empty ones after a power cut
	valueLogBytes   = 32 << 20
)

const unbornMax = 8 // logs of which a kill may leave nothing but the name

type badgerEngine struct {
	db *badger.DB
}

func openBadger(dir string, key []byte, sync bool, log *slog.Logger) (*badgerEngine, error) {
	o := badger.DefaultOptions(dir).
		WithLogger(badgerLog{log}).WithMetricsEnabled(false).
		WithMemTableSize(memTableBytes).WithNumMemtables(2).
		WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(6).WithNumCompactors(2).
		WithBaseTableSize(baseTableBytes).WithBlockSize(blockBytes).
		WithBlockCacheSize(blockCacheBytes).WithIndexCacheSize(indexCacheBytes).
		WithValueThreshold(inlineMaxBytes).WithValueLogFileSize(valueLogBytes).
		WithNumVersionsToKeep(1).WithDetectConflicts(false).
		WithCompression(options.None).WithNumGoroutines(2).
		WithSyncWrites(sync).
		WithEncryptionKey(key)
	o.TableSizeMultiplier = 1
	db, err := badger.Open(o)
	for tries := 0; err != nil && unborn(err) && tries < unbornMax; tries++ {
		db, err = badger.Open(o)
	}
	if err != nil {
		return nil, explainOpen(dir, err)
	}
	return &badgerEngine{db}, nil
}

// unborn tells whether opening met a log that was just created when the program was
// killed, and never written to. Badger fails at it once, and has made a proper log of
// it by then.
func unborn(err error) bool { return strings.Contains(err.Error(), "Create a new file") }

// Errors of opening that callers tell apart.
var (
	ErrInUse    = errors.New("another musafir uses this data directory")
	ErrWrongKey = errors.New("the key does not fit the database")
)

func explainOpen(dir string, err error) error {
	switch {
	case strings.Contains(err.Error(), "Cannot acquire directory lock"):
		return ErrInUse
	case errors.Is(err, badger.ErrEncryptionKeyMismatch):
		return ErrWrongKey
	}
	return fmt.Errorf("open database %s: %w", dir, err)
}

func (e *badgerEngine) limits() limits {
	return newLimits(int(e.db.MaxBatchSize())*9/10, int(e.db.MaxBatchCount())*9/10)
}

func (e *badgerEngine) commit(puts []put) error {
	tx := e.db.NewTransaction(true)
	defer tx.Discard()
	for _, p := range puts {
		var err error
		if p.del {
			err = tx.Delete(p.key)
		} else {
			err = tx.Set(p.key, p.value)
		}
		if err != nil {
			return fmt.Errorf("write to database: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: %w", errUnsure, err)
	}
	return nil
}

func (e *badgerEngine) close() error {
	if err := e.db.Close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

func (e *badgerEngine) view() view { return badgerView{e.db.NewTransaction(false)} }

type badgerView struct {
	tx *badger.Txn
}

func (v badgerView) close() { v.tx.Discard() }

func (v badgerView) get(key []byte) ([]byte, bool, error) {
	item, err := v.tx.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read database: %w", err)
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return nil, false, fmt.Errorf("read database: %w", err)
	}
	return value, true, nil
}

func (v badgerView) scan(prefix, from []byte, values bool, visit func(key, value []byte) (bool, error)) error {
	o := badger.IteratorOptions{Prefix: prefix, PrefetchValues: false}
	it := v.tx.NewIterator(o)
	defer it.Close()
	if from == nil {
		from = prefix
	}
	for it.Seek(from); it.Valid(); it.Next() {
		item := it.Item()
		var more bool
		var err error
		if values {
			err = item.Value(func(value []byte) (err error) {
				more, err = visit(item.Key(), value)
				return err
			})
		} else {
			more, err = visit(item.Key(), nil)
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (v badgerView) last(prefix []byte) (key, value []byte, ok bool, err error) {
	it := v.tx.NewIterator(badger.IteratorOptions{Reverse: true})
	defer it.Close()
	after := append(append([]byte(nil), prefix...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	it.Seek(after)
	if !it.ValidForPrefix(prefix) {
		return nil, nil, false, nil
	}
	value, err = it.Item().ValueCopy(nil)
	return it.Item().KeyCopy(nil), value, err == nil, err
}

// badgerLog passes Badger's warnings on.
type badgerLog struct {
	log *slog.Logger
}

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Error("database", "message", oneLine(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn("database", "message", oneLine(f, a)) }
func (l badgerLog) Infof(f string, a ...any)    { l.log.Debug("database", "message", oneLine(f, a)) }
func (l badgerLog) Debugf(string, ...any)       {}

func oneLine(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }
