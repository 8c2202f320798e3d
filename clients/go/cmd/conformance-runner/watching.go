package main

import (
	"context"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

func (r *runner) watch(ctx context.Context, client *tidemill.Client, told command) {
	for event, err := range client.Watch(ctx, told.TaskID, tidemill.After(told.After)) {
		if err != nil {
			r.say(fields{"watch": told.Watch, "task_id": told.TaskID, "error": errorFields(err)})
			return
		}
		r.say(eventFields(told.Watch, told.TaskID, event))
	}
	r.say(fields{"watch": told.Watch, "end": true})
}

func (r *runner) watchMany(ctx context.Context, client *tidemill.Client, told command) {
	many := client.WatchMany()
	for _, target := range told.Targets {
		many.Add(target.TaskID, target.After)
	}
	many.Finish()
	for watched, err := range many.Events(ctx) {
		if err != nil {
			r.say(fields{"watch": told.Watch, "task_id": watched.TaskID, "error": errorFields(err)})
			continue
		}
		r.say(eventFields(told.Watch, watched.TaskID, watched.Event))
	}
	r.say(fields{"watch": told.Watch, "end": true})
}
