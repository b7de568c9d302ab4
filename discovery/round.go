package discovery

import (
	"context"
	"net/netip"
	"time"
)

// A round is the questions that are sent by one interface at one time.
type round struct {
	finder *Finder
	link   link
	tally  *tally
	mark   mark
	survey bool // for what else answers, too
}

func (r round) ask4(ctx context.Context) { r.tally.result(asking4, r.ask(ctx, false)) }
func (r round) ask6(ctx context.Context) { r.tally.result(asking6, r.ask(ctx, true)) }

// ask asks by one family: with our own hands, and where that fails with the
// library's client.
func (r round) ask(ctx context.Context, six bool) error {
	err := r.askSelf(ctx, question{link: r.link, mark: r.mark, six: six, also: r.survey})
	if err != nil && r.askLibrary(ctx, !six, six) == nil {
		return nil
	}
	return err
}

// lookAround is a second way to hear others, for a survey: the library's client hears
// answers that are sent to all, too. By IPv4 it needs a default route; where it can
// do nothing, nothing is lost.
func (r round) lookAround(ctx context.Context) {
	if err := r.askLibrary(ctx, r.link.has4(), r.link.has6()); err != nil {
		r.finder.log.Debug("ask with the library", "interface", r.link.name, "error", err)
	}
}

// askSelf takes each answer as it comes.
func (r round) askSelf(ctx context.Context, q question) error {
	h := r.finder.newHearing()
	conn, err := q.send()
	if err != nil {
		return err
	}
	r.tally.ask()
	return listen(ctx, conn, func(packet []byte, from netip.Addr) {
		answers, err := parseAnswers(packet)
		if err != nil {
			return // anybody can send us anything
		}
		for _, a := range answers {
			r.take(ctx, h, a, from)
		}
	})
}

func (r round) askLibrary(ctx context.Context, four, six bool) error {
	h := r.finder.newHearing()
	found, err := askLibrary(ctx, r.link, r.mark, four, six)
	if err != nil {
		return err
	}
	r.tally.ask()
	for _, a := range found {
		r.take(ctx, h, a, netip.Addr{}) // our own question hears the same, and from where
	}
	return nil
}

func (r round) take(ctx context.Context, h *hearing, a answer, from netip.Addr) {
	openings := h.take(a)
	count := h.counted()
	r.tally.hear(count, time.Now())
	r.finder.tell(ctx, r.link, openings)
	if count.strangers > 0 {
		r.finder.tellStranger(ctx, from)
	}
}
