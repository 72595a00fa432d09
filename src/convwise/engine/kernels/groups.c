/* One kernel on all groups of a convolution: as many calls, none of which needs another's results.
 *
 * They follow each other, the loops of each shared by all threads; or, where groups are small, each thread takes whole ones.
 */

#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "pool.h"

#define MOST_ARGUMENTS 32

/* Of what all programs have in common: their first arguments are arrays, and so is the last one, the output. */
enum array { INP, WEIGHTS, BIAS, RESIDUAL, OUT, ARRAYS };

/* As `native.Groups` has it. */
struct groups {
    int (*kernel)(void **);
    void **arguments;
    char *first[ARRAYS]; /* where the first group's numbers begin */
    int64_t steps[ARRAYS]; /* bytes from there to the next group's */
    int32_t count, arguments_count;
    int32_t apart; /* a thread takes so many groups at a time; 0: all threads share the loops of each */
};

static int run_group(const struct groups *groups, int group) {
    struct buffer arrays[ARRAYS];
    void *arguments[MOST_ARGUMENTS];
    int last = groups->arguments_count - 1;
    memcpy(arguments, groups->arguments, sizeof(void *) * (size_t)(last + 1));
    for (int which = 0; which < ARRAYS; which++) {
        int place = which == OUT ? last : which;
        memcpy(&arrays[which], arguments[place], sizeof(struct buffer));
        arrays[which].host = (float *)(groups->first[which] + group * groups->steps[which]);
        arguments[place] = &arrays[which];
    }
    return groups->kernel(arguments);
}

static int run_some(const struct groups *groups, int first, int end) {
    for (int group = first; group < end; group++) {
        int code = run_group(groups, group);
        if (code) return code;
    }
    return 0;
}

static int run_apart(void *context, int index, uint8_t *closure) {
    (void)context;
    const struct groups *groups = (const struct groups *)closure;
    int left = groups->count - index * groups->apart;
    convwise_allow(1);
    return run_some(groups, index * groups->apart, index * groups->apart + (left < groups->apart ? left : groups->apart));
}

int convwise_groups_argv(void **given) {
    const struct groups *groups = given[0];
    if (groups->arguments_count > MOST_ARGUMENTS) return -1;
    if (!groups->apart) return run_some(groups, 0, groups->count);
    int tasks = (groups->count + groups->apart - 1) / groups->apart, threads = convwise_allowed();
    int code = halide_do_par_for(0, run_apart, 0, tasks, (uint8_t *)groups);
    convwise_allow(threads);
    return code;
}
