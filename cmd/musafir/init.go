package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"musafir/node"
	"musafir/node/access"
	"musafir/store"
)

func (a *app) initCommand() *cobra.Command {
	var camp, name string
	c := &cobra.Command{
		Use:   "init --camp NAME --device NAME",
		Short: "Make a camp whose first device is this one",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir := a.dataDir()
			var f *node.Founded
			err := a.unlock(c.Context(), dir, func(lock store.Lock) (err error) {
				f, err = found(dir, lock, camp, name, slog.New(slog.DiscardHandler))
				return err
			})
			if err != nil {
				return explainOpen(dir, err)
			}
			return a.sayFounded(f, dir, camp, name)
		},
	}
	c.Flags().StringVar(&camp, "camp", "", "`NAME` of the camp: the group of devices that share records")
	c.Flags().StringVar(&name, "device", hostName(), "`NAME` of this device")
	return c
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "first device"
	}
	return name
}

func (a *app) sayFounded(f *node.Founded, dir, camp, name string) error {
	code := access.RecoveryCode(f.Recovery)
	if a.json {
		return a.printJSON(map[string]any{
			"camp":     map[string]string{"id": f.Camp.String(), "name": camp},
			"device":   map[string]string{"name": name, "role": "coordinator"},
			"recovery": code,
			"lock":     a.lockedBy(dir),
		})
	}
	a.warnShort(*a.known)
	_, err := fmt.Fprintf(a.out, `Camp %q is made. This device is %q, its first coordinator.
Its data is in %s, encrypted. %s

Recovery key, shown only now. Write it on paper and keep it in a safe place: whoever has
it decides who takes part. When all coordinators' devices are lost it makes a new one:
musafir devices recover

  %s

Next: musafir up
`, camp, name, dir, a.opensWith(dir), code)
	return err
}

// lockedBy is what opens the data that was just made.
func (a *app) lockedBy(dir string) string {
	kind, err := store.LockOf(dir)
	if err != nil {
		return ""
	}
	return string(kind)
}

// opensWith is a sentence on that.
func (a *app) opensWith(dir string) string {
	switch {
	case a.known.Passphrase != "":
		return "It opens with your passphrase, and with\nnothing else: write that down, and keep it apart from this device."
	case a.known.KeyFile != "":
		return fmt.Sprintf("It opens with the key file\n%s, and with nothing else: keep a copy of it in a safe place.", a.known.KeyFile)
	}
	return fmt.Sprintf("It opens with the key file %s,\nso whoever takes the device reads it. To lock it: musafir passphrase set", keyFileOf(dir, *a.known))
}
