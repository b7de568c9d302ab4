package store

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock" // locks on files, on each system in its way
)

// FormatVersion is the on-disk format this program writes and reads.
const FormatVersion = 4

// Names inside a data directory.
const (
	formatName  = "format"
	keyFileName = "key"      // opens the data key, unless a passphrase does
	dataKeyName = "data-key" // opens everything else
	deviceName  = "device"
	nextName    = "device.next" // a key that is about to replace the device key
	dbName      = "db"
	lockName    = "lock" // held while the directory is made or opened
)

// Errors of opening a directory.
var (
	ErrNoCamp      = errors.New("there is no camp in this data directory")
	ErrNewerFormat = errors.New("the data directory was written by a newer version of musafir")
)

// A Dir is a data directory: the keys and the database of one device.
type Dir struct {
	Path   string
	Device ed25519.PrivateKey
	*Store

	dataKey []byte
	space   *spaceGuard
}

// Options of opening a directory.
type Options struct {
	Log        *slog.Logger // warnings of the database; never a record's content
	CacheBytes int          // for entries read lately; 0: 4 MiB
	Lock       Lock         // what opens the directory, or shall
}

// CreateDir makes the keys of a new device, or takes those that an interrupted
// creation left, and opens its empty store. A directory that holds a camp
// already is opened as it is.
func CreateDir(path string, o Options) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDir(path)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	err = readFormat(path)
	if errors.Is(err, ErrNoCamp) {
		err = createKeys(path, o.Lock)
	}
	if err != nil {
		return nil, err
	}
	return openDir(path, o)
}

// OpenDir opens a device's directory. ErrNoCamp: there is none.
func OpenDir(path string, o Options) (*Dir, error) {
	if err := readFormat(path); err != nil {
		return nil, err
	}
	lock, err := lockDir(path)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	d, err := openDir(path, o)
	if err != nil {
		return nil, err
	}
	if d.Identity() == (Identity{}) {
		return nil, errors.Join(ErrNoCamp, d.Close())
	}
	return d, nil
}

// lockDir keeps others from opening the directory while it is being opened or made.
func lockDir(path string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(path, lockName))
	if held, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	} else if !held {
		return nil, ErrInUse
	}
	return lock, nil
}

// readFormat refuses a directory that this program cannot read.
func readFormat(path string) error {
	b, err := os.ReadFile(filepath.Join(path, formatName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(path, dbName)); err == nil {
			return fmt.Errorf("%s has a database but no file %q: put it back from a copy (its text is \"musafir %d\")", path, formatName, FormatVersion)
		}
		return ErrNoCamp
	}
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	name, number, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	n, err := strconv.Atoi(number)
	if name != "musafir" || err != nil {
		return fmt.Errorf("%s is damaged: it should read \"musafir %d\"", filepath.Join(path, formatName), FormatVersion)
	}
	if n > FormatVersion {
		return fmt.Errorf("%w: it has format %d, this program reads up to %d; install the version of musafir that wrote it, or a later one", ErrNewerFormat, n, FormatVersion)
	}
	if n < FormatVersion {
		return fmt.Errorf("%s has format %d of a trial version, which this program no longer reads", path, n)
	}
	return nil
}

// createKeys draws the data key and the device key, unless an earlier attempt left
// some that the lock opens. The file that says which format the directory has comes
// last: without it nothing was begun.
func createKeys(path string, lock Lock) error {
	dataKey, err := leftDataKey(path, lock)
	if err != nil {
		dataKey = newDataKey()
		w, err := wrap(path, dataKey, lock)
		if err != nil {
			return err
		}
		if err := w.write(path); err != nil {
			return err
		}
	}
	if sealed, err := readKeyFile(path, deviceName, sealedDeviceBytes); err != nil || !fits(sealed, dataKey) {
		if err := createDeviceKey(path, dataKey); err != nil {
			return err
		}
	}
	return WriteFile(filepath.Join(path, formatName), fmt.Appendf(nil, "musafir %d\n", FormatVersion), 0o600)
}

// leftDataKey is the data key of an attempt with a lock of the same kind.
func leftDataKey(path string, lock Lock) ([]byte, error) {
	w, err := readWrapped(path)
	if err != nil {
		return nil, err
	}
	if w.kind != lock.kind() {
		return nil, ErrWrongPassphrase
	}
	return w.unwrap(path, lock)
}

func fits(sealed, dataKey []byte) bool {
	_, err := openDeviceKey(sealed, dataKey)
	return err == nil
}

func createDeviceKey(path string, dataKey []byte) error {
	_, device, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make device key: %w", err)
	}
	sealed, err := sealDeviceKey(device, dataKey)
	if err != nil {
		return err
	}
	return writeKeyFile(path, deviceName, sealed)
}

func openDir(path string, o Options) (*Dir, error) {
	_ = os.Chmod(path, 0o700) // some file systems have no modes
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	w, err := readWrapped(path)
	if err != nil {
		return nil, err
	}
	dataKey, err := w.unwrap(path, o.Lock)
	if err != nil {
		return nil, err
	}
	db := filepath.Join(path, dbName)
	if err := os.MkdirAll(db, 0o700); err != nil {
		return nil, fmt.Errorf("make database directory: %w", err)
	}
	space := newSpaceGuard(path)
	if err := space.beforeOpen(); err != nil {
		return nil, err
	}
	engine, err := openBadger(db, dataKey, true, o.Log)
	if err != nil {
		return nil, err
	}
	s, err := open(engine, space.check, o.CacheBytes)
	if err != nil {
		return nil, errors.Join(err, engine.close())
	}
	d := &Dir{Path: path, Store: s, dataKey: dataKey, space: space}
	if err := d.readDevice(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	tidyKeys(path, w)
	space.layBallast()
	return d, nil
}

// Disk is the free space in bytes and whether writes are refused for want of it.
func (d *Dir) Disk() (free uint64, full bool) { return d.space.state() }

// Size is what the database takes on disk, in allocated bytes.
func (d *Dir) Size() (bytes uint64) {
	_ = filepath.WalkDir(filepath.Join(d.Path, dbName), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // files come and go under a running database
		}
		if info, err := e.Info(); err == nil {
			bytes += allocatedBytes(info)
		}
		return nil
	})
	return bytes
}
